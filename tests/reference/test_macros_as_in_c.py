# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from vmstate.errors import CaseError
from vmstate.macros import (
    VMSTATE_END_OF_LIST,
    VMSTATE_UINT8,
    VMSTATE_UINT16,
    VMSTATE_UINT64,
    VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT8_ALLOC,
    Array,
    CStruct,
    Description,
    Pointer,
    document,
    uint8_t,
    uint16_t,
    uint64_t,
)
from vmstate.operations import perform

SQ = CStruct("NvmeSQ", [("sqid", uint16_t), ("dma", uint64_t)])
CTRL = CStruct("NvmeCtrl", [("n", uint8_t), ("sq", Pointer(Array(Pointer(SQ))))])
VMSTATE_SQ = Description(
    "nvme-sq",
    SQ,
    version_id=1,
    fields=[VMSTATE_UINT16("sqid", SQ), VMSTATE_UINT64("dma", SQ), VMSTATE_END_OF_LIST()],
)
VMSTATE_CTRL = Description(
    "nvme",
    CTRL,
    version_id=1,
    fields=[
        VMSTATE_UINT8("n", CTRL),
        VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT8_ALLOC("sq", CTRL, "n", 0, VMSTATE_SQ, SQ),
        VMSTATE_END_OF_LIST(),
    ],
)


def test_a_description_written_as_in_c_saves_markers_and_elements() -> None:
    state = {"n": "2", "sq": [None, {"sqid": "7", "dma": "4096"}]}

    result = perform({"op": "save", "document": document(VMSTATE_CTRL), "state": state})

    assert result["stream"] == "02303100070000000000001000"


def test_a_member_of_another_type_does_not_compile() -> None:
    with pytest.raises(CaseError, match="type-check"):
        VMSTATE_UINT8("sqid", SQ)
