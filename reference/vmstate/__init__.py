# SPDX-License-Identifier: Apache-2.0
"""VMState, QEMU's migration format, as an executable specification. Bytes in, values out."""

__version__ = "0.1.0"
