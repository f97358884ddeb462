# SPDX-License-Identifier: Apache-2.0
"""The real QEMU: find it or provision it, and ask its own engine."""
