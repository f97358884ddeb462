# SPDX-License-Identifier: Apache-2.0
"""The conformance suite for QEMU's VMState format: cases, runner, testees, reports."""

__version__ = "0.1.0"
