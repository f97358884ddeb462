# SPDX-License-Identifier: Apache-2.0
"""Starter kits: small testees to begin one's own with, each in a folder, complete as they are."""
