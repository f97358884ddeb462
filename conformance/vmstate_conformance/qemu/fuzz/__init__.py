# SPDX-License-Identifier: Apache-2.0
"""Fuzzing the loaders of QEMU's real devices with streams of real machines, a field at a time.

seeds     a stream with the tree of its fields, grouped
mutate    one or a few changes to it, each of which knows what it is
arena     one process that loads many streams, and what becomes of it
minimise  a finding brought down to the one field, in fresh processes
findings  the folder that the user names
campaign  recipes, workers, time
"""
