#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the fuzzers find bugs? Each is run, from an empty corpus, with each of the bugs in its reach planted.

    python fuzz/prove.py [--fuzzer NAME,...] [--mutant NAME,...] [--runs N] [--json FILE]

A bug counts as found where it shows within the target's number of executions, as explained where it
does not and UNFOUND says why, and as open otherwise. Exit 0 where none is open, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import checkout  # noqa: F401 - the packages that lie beside this script

from vmstate_conformance.fuzzing.planted import REACH
from vmstate_conformance.fuzzing.unfound import UNFOUND

#: Within how many executions each target is to find what is in its reach: some minutes' worth.
RUNS: Final = MappingProxyType(
    {
        "load": 100_000,
        "structure": 30_000,
        "container": 40_000,
        "loadvm": 80_000,
        "payload": 40_000,
        "vmdesc": 40_000,
        "document": 40_000,
        "profile": 40_000,
        "differential": 30_000,
    }
)
#: libFuzzer's exit status where the target has raised.
_STOPS: Final = 77
#: Executions are what is counted; this only ends what hangs.
_SECONDS: Final = 3600
#: A wrong implementation may have no end, and takes its 10 s of CPU however long that is.
_STUCK: Final = 600
_FOUND: Final = re.compile(rb"== planted (\S+) found after (\d+) executions")
_STOPPED: Final = re.compile(rb"found after (\d+) executions")
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one planted bug: `runs` executions until it was found, 0 where it was not."""

    fuzzer: str
    mutant: str
    runs: int
    sentence: str
    trouble: str = ""


def prove(fuzzer: str, mutants: list[str], runs: int, seed: int) -> Iterator[Proof]:
    """Run one fuzzer on planted bugs, all at once: each input is shown to each that is left."""
    said, trouble = start(fuzzer, ["--mutant", ",".join(mutants)], runs, seed)
    found = {name.decode(): int(count) for name, count in _FOUND.findall(said)}
    for mutant in mutants:
        sentence = REACH[fuzzer][mutant].sentence
        yield Proof(fuzzer, mutant, found.get(mutant, 0), sentence, "" if found else trouble)


def prove_testee(mutant: str, runs: int, seed: int) -> Iterator[Proof]:
    """Run the differential fuzzer against a wrong implementation."""
    serve = f"{sys.executable} -m vmstate_conformance.mutants.serve {mutant}"
    said, trouble = start("differential", ["--testee", serve], runs, seed)
    found = _STOPPED.search(said)
    sentence = REACH["differential"][mutant].sentence
    yield Proof("differential", mutant, int(found[1]) if found else 0, sentence, trouble)


def start(fuzzer: str, options: list[str], runs: int, seed: int) -> tuple[bytes, str]:
    """Run a fuzzer from an empty corpus; give what it said, and what went wrong if anything did."""
    with tempfile.TemporaryDirectory(prefix="vmstate-prove-") as place:
        command = [
            sys.executable,
            str(_HERE / f"{fuzzer}_fuzzer.py"),
            *options,
            *("--seeds", "none", "--staging", f"{place}/staging"),
            *(f"-runs={runs}", f"-seed={seed}", f"-timeout={_STUCK}"),
            *(f"-artifact_prefix={place}/", f"{place}/corpus"),
        ]
        with Path(place, "log").open("w+b") as log:
            try:
                done = subprocess.run(
                    command, stdout=subprocess.DEVNULL, stderr=log, timeout=_SECONDS, check=False
                )
                status = done.returncode
            except subprocess.TimeoutExpired:
                status = 0
            log.seek(0)
            said = log.read()
    return said, "" if status in (0, _STOPS) else f"exit {status}: {_last(said)}"


def _last(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1][:120] if lines else ""


def proofs(options: argparse.Namespace) -> Iterator[Proof]:
    """Prove what is asked for."""
    for fuzzer in options.fuzzer.split(",") if options.fuzzer else RUNS:
        wanted = options.mutant.split(",") if options.mutant else REACH[fuzzer]
        mutants = [name for name in wanted if name in REACH[fuzzer]]
        runs = options.runs or RUNS[fuzzer]
        if fuzzer == "differential":
            for mutant in mutants if options.mutant else mutants[:: options.every]:
                yield from prove_testee(mutant, runs, options.seed)
        elif mutants:
            yield from prove(fuzzer, mutants, runs, options.seed)


def main() -> int:
    """Print a line for each planted bug and a summary for each fuzzer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fuzzer", help="only these, separated by commas")
    parser.add_argument("--mutant", help="only these bugs")
    parser.add_argument("--runs", type=int, default=0, help="executions, for all fuzzers")
    parser.add_argument(
        "--every", type=int, default=10, help="differential: a process for each n-th (default: 10)"
    )
    parser.add_argument("--seed", type=int, default=1, help="libFuzzer's (default: 1)")
    parser.add_argument("--json", type=Path, help="also write the table as JSON")
    options = parser.parse_args()
    unknown = set((options.fuzzer or "load").split(",")) - RUNS.keys()
    if unknown:
        parser.error(f"no fuzzer is called {min(unknown)}; known are {', '.join(RUNS)}")
    done: list[Proof] = []
    for proof in proofs(options):
        done.append(proof)
        why = "explained" if (proof.fuzzer, proof.mutant) in UNFOUND else "open"
        shown = f"{proof.runs:,}" if proof.runs else "-"
        comment = "" if proof.runs else proof.trouble or why
        print(f"{proof.fuzzer:<13} {proof.mutant:<38} {shown:>9}  {comment}".rstrip(), flush=True)
    missed = summary(done)
    explain(done)
    if options.json:
        options.json.write_text(json.dumps([asdict(proof) for proof in done], indent=1) + "\n")
    return int(missed > 0)


def summary(done: list[Proof]) -> int:
    """Print a line a fuzzer; give how many bugs are open: missed without an explanation."""
    missed = 0
    head = f"{'fuzzer':<13} {'planted':>7} {'found':>6} {'explained':>10} {'open':>5}"
    print(f"\n{head} {'median':>8} {'within':>8}")
    for fuzzer in RUNS:
        own = [proof for proof in done if proof.fuzzer == fuzzer]
        runs = sorted(proof.runs for proof in own if proof.runs)
        lost = [proof.mutant for proof in own if not proof.runs]
        explained = sum((fuzzer, mutant) in UNFOUND for mutant in lost)
        left = len(lost) - explained
        missed += left
        if own:
            median, most = (runs[len(runs) // 2], runs[-1]) if runs else (0, 0)
            line = f"{fuzzer:<13} {len(own):>7} {len(runs):>6} {explained:>10} {left:>5}"
            print(f"{line} {median:>8,} {most:>8,}")
    return missed


def explain(done: list[Proof]) -> None:
    """Print the explanations of what was not found, each with its bugs."""
    groups: dict[tuple[str, str], list[str]] = {}
    for proof in done:
        why = UNFOUND.get((proof.fuzzer, proof.mutant))
        if why and not proof.runs:
            groups.setdefault((proof.fuzzer, why), []).append(proof.mutant)
    for (fuzzer, why), names in groups.items():
        print(f"\n{fuzzer}, {len(names)} explained: {why}\n  {' '.join(names)}")


if __name__ == "__main__":
    sys.exit(main())
