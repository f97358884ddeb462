#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
# Builds every fuzzer into $OUT as OSS-Fuzz and ClusterFuzzLite want them: one program a target, and beside
# it the target's seeds, dictionary and options, by its name.
cd "$SRC/vmstate-conformance"
python3 -m pip install .

for script in fuzz/*_fuzzer.py; do
  name=$(basename "$script" .py)
  # The differential fuzzer needs somebody to compare the reference with.
  [ "$name" = differential_fuzzer ] && continue
  # The corpus is data of the package; targets are looked up by name. Both are invisible to pyinstaller.
  compile_python_fuzzer "$script" --paths fuzz \
    --collect-submodules vmstate --collect-submodules vmstate_conformance \
    --collect-data vmstate_conformance
done

# Seeds, dictionaries and options come out of the same tables that the targets use.
python3 fuzz/bundle.py "$OUT"
