# SPDX-License-Identifier: Apache-2.0
"""The runner: which case goes where, what its result is worth, and the log of it all."""
