# SPDX-License-Identifier: Apache-2.0
"""Fuzz targets without an engine: functions of bytes that raise where a promise is broken."""
