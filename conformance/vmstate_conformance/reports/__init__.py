# SPDX-License-Identifier: Apache-2.0
"""Reports: what a run found, for people and for machines."""
