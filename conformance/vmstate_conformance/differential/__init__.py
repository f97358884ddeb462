# SPDX-License-Identifier: Apache-2.0
"""Two implementations asked the same, until they differ; and the smallest request on which they do."""
