# SPDX-License-Identifier: Apache-2.0
"""Whole streams of registered descriptions: qemu_loadvm_state() and qemu_savevm_state().

`vmstate.operations.perform` has them as the operations `stream` and `savevm`; the requests are described
in `vmstate.container.operations`.
"""
