# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for documents, states, streams and what goes wrong with them."""
