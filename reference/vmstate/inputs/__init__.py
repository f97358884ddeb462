# SPDX-License-Identifier: Apache-2.0
"""Where a whole stream may lie: a plain file, a pipe, a libvirt save image, a snapshot in qcow2."""

from vmstate.inputs.errors import InputFault
from vmstate.inputs.opening import MOST, Stream, open_stream

__all__ = ["MOST", "InputFault", "Stream", "open_stream"]
