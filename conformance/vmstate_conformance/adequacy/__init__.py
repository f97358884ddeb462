# SPDX-License-Identifier: Apache-2.0
"""How sharp the corpus is: whom it fails, what of the reference it runs, which mutants it kills."""
