# SPDX-License-Identifier: Apache-2.0
"""Testees: implementations under test, driven through the protocol."""
