# SPDX-License-Identifier: Apache-2.0
"""QEMU's VMSTATE_* macros (include/migration/vmstate.h): a description reads as it does in C.

A macro takes what its C counterpart takes, in the same order; a member is a string, such as
`"regs[3].low"`, a test is a predicate of the case format or None, and a type is one of
`vmstate.macros_ctypes`. It raises `CaseError` of the rule `type-check` where C would not compile
because the member's type is not the macro's.

    sq = CStruct("NvmeSQ", [("sqid", uint16_t), ("dma", uint64_t)])
    ctrl = CStruct("NvmeCtrl", [("n", uint32_t), ("sq", Pointer(Array(Pointer(sq))))])
    vmstate_sq = Description("nvme-sq", sq, version_id=1, fields=[
        VMSTATE_UINT16("sqid", sq),
        VMSTATE_UINT64("dma", sq),
        VMSTATE_END_OF_LIST(),
    ])
    vmstate_ctrl = Description("nvme", ctrl, version_id=1, fields=[
        VMSTATE_UINT32("n", ctrl),
        VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT32_ALLOC("sq", ctrl, "n", 0, vmstate_sq, sq),
        VMSTATE_END_OF_LIST(),
    ])
    perform({"op": "save", "document": document(vmstate_ctrl), "state": ...})

There is no VMSTATE_FD: a file descriptor travels beside the stream.
"""
# ruff: noqa: F403 - each of these modules names what it gives

from __future__ import annotations

from vmstate.macros_buffers import *
from vmstate.macros_ctypes import *
from vmstate.macros_fields import *
from vmstate.macros_infos import *
from vmstate.macros_nested import *
from vmstate.macros_shorthands import *
from vmstate.macros_spec import *
from vmstate.macros_structs import *
