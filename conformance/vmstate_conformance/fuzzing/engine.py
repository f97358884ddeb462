# SPDX-License-Identifier: Apache-2.0
"""From a target to a libFuzzer process: seeds, dictionary, limits, and findings that get written.

Nothing of the code under test is imported here; the script has done that, instrumented.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shlex
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

import platformdirs

from vmstate_conformance.cases import InputError

if TYPE_CHECKING:
    from vmstate_conformance.fuzzing.target import Target

STAGING: Final = "VMSTATE_STAGING"
SEEDS: Final = "VMSTATE_SEEDS"
MUTANT: Final = "VMSTATE_MUTANT"
#: Set in the processes that libFuzzer starts of itself: their arguments are complete.
_CHILD: Final = "VMSTATE_FUZZ_CHILD"
_TICK: Final = 1.0
_USAGE: Final = """\
usage: {name} [--staging DIR] [--seeds DIR|none] [--mutant NAME,...|all]{own}
       [libFuzzer options] [DIR or FILE ...]

{about}

Without a DIR, inputs that reach something new are kept in {work}.
Seeds are built from the corpus of cases on start; --seeds none begins from nothing. Findings are
minimised and written to --staging (default: {staging}).
--mutant plants bugs, which are to be found: see `vmstate-conformance mutants`, and fuzz/prove.py.
Useful libFuzzer options: -runs=N -max_total_time=SECONDS -fork=N -merge=1 OUT IN... -jobs=N -seed=N
"""


def cache_dir() -> Path:
    """Give where fuzzers keep what they may rebuild."""
    given = os.environ.get("VMSTATE_CONFORMANCE_CACHE")
    base = Path(given) if given else Path(platformdirs.user_cache_dir("vmstate-conformance"))
    return base / "fuzz"


def staging_dir() -> Path:
    """Give where findings go: $VMSTATE_STAGING, else the checkout's corpus/staging."""
    given = os.environ.get(STAGING)
    if given:
        return Path(given)
    corpus = Path(__file__).parents[3] / "corpus"
    return corpus / "staging" if corpus.is_dir() else cache_dir() / "staging"


def fuzz(target: Target, argv: list[str], about: str, options: Iterable[str] = ()) -> NoReturn:
    """Run a target under libFuzzer; does not return. Bad arguments are one line and exit 2.

    `options` are the target's own, as --NAME VALUE: the value is in $VMSTATE_NAME when it runs.
    """
    import atheris  # noqa: PLC0415 - targets are replayed where it is not installed

    try:
        arguments = take_options(argv[1:], ("staging", "seeds", "mutant", *options))
        if "--help" in arguments or "-h" in arguments:
            own = "".join(f" [--{name} VALUE]" for name in options)
            work, staging = cache_dir() / target.name, staging_dir()
            name = Path(argv[0]).name
            print(
                _USAGE.format(name=name, own=own, about=about, work=work, staging=staging), end=""
            )
            sys.exit(0)
        _limit_memory(target.memory)
        if target.ready is not None:
            target.ready()
        prepared = arguments if os.environ.get(_CHILD) else prepare(target, arguments)
        target = planted(target)
    except (InputError, FileNotFoundError) as error:
        print(f"{Path(argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    os.environ[_CHILD] = "1"
    hooks: dict[str, Callable[..., bytes]] = {}
    if target.mutate is not None:
        mutate = target.mutate
        hooks["custom_mutator"] = lambda data, most, seed: mutate(data, most, seed, atheris.Mutate)
    if target.cross is not None:
        hooks["custom_crossover"] = target.cross
    atheris.Setup([_command(argv[0]), *prepared], Guard(target), **hooks)
    atheris.Fuzz()
    sys.exit(0)


def planted(target: Target) -> Target:
    """Give the target with the bugs planted that $VMSTATE_MUTANT names, with commas or as `all`.

    Raises `InputError` for a name that is none.
    """
    names = os.environ.get(MUTANT)
    if not names or target.observe is None:
        return target
    from vmstate_conformance.fuzzing.planted import REACH, pitted  # noqa: PLC0415 - patches the code

    known = REACH[target.name]
    chosen = list(known) if names == "all" else names.split(",")
    for name in chosen:
        if name not in known:
            raise InputError(f"--mutant {name}: not in the reach of {target.name}")
    return pitted(target, (known[name] for name in chosen))


def take_options(arguments: list[str], names: Iterable[str]) -> list[str]:
    """Move our own options into the environment, where -fork's children find them; give the rest.

    Raises `InputError` for an unknown option or a missing value.
    """
    known, rest = tuple(names), []
    todo = iter(arguments)
    for argument in todo:
        if not argument.startswith("--") or argument == "--help":
            rest.append(argument)
            continue
        name, equals, value = argument[2:].partition("=")
        if name not in known:
            raise InputError(f"{argument}: no such option; known are --{', --'.join(known)}")
        if not equals:
            value = next(todo, "")
        if not value:
            raise InputError(f"--{name} needs a value")
        os.environ[f"VMSTATE_{name.upper()}"] = value
    return rest


def prepare(target: Target, arguments: list[str]) -> list[str]:
    """Complete libFuzzer's arguments with our defaults; what the user says stands."""
    flags = {each.partition("=")[0] for each in arguments if each.startswith("-")}
    places = [each for each in arguments if not each.startswith("-")]
    merging = bool(flags & {"-merge", "-set_cover_merge"})
    if merging and places:
        _make(Path(places[0]))
    if merging or any(Path(place).is_file() for place in places):
        return [*arguments, *_defaults(target, flags)]
    if not places:
        work = cache_dir() / target.name / "corpus"
        _make(work)
        places.append(str(work))
        arguments = [*arguments, str(work)]
    for place in places:
        _make(Path(place))
    seeds = os.environ.get(SEEDS, "")
    if seeds != "none":
        arguments = [*arguments, seeds or str(write_seeds(target))]
    return [*arguments, *_defaults(target, flags)]


def wall_clock(target: Target) -> int:
    """Give libFuzzer's own limit in seconds: on a busy machine, CPU takes its time."""
    return max(60, 6 * target.timeout)


def _defaults(target: Target, flags: set[str]) -> list[str]:
    artifacts = cache_dir() / target.name / "artifacts"
    _make(artifacts)
    defaults = {
        "-max_len": str(target.max_len),
        # Ours comes first and names the input; this one is for native code that does not return.
        "-timeout": str(wall_clock(target)),
        "-rss_limit_mb": str(target.memory >> 20),
        "-artifact_prefix": f"{artifacts}/",
        "-print_final_stats": "1",
        # What a target makes of its own grammar need not begin small.
        **({} if target.mutate is None else {"-len_control": "0"}),
    }
    added = [f"{name}={value}" for name, value in defaults.items() if name not in flags]
    return added if "-dict" in flags else [*added, f"-dict={write_dictionary(target)}"]


def write_dictionary(target: Target, file: Path | None = None) -> Path:
    """Write the target's dictionary."""
    from vmstate_conformance.fuzzing.dictionary import render  # noqa: PLC0415 - instrumented by now

    file = file or cache_dir() / target.name / f"{target.name}.dict"
    _make(file.parent)
    _replace(file, render(target.tokens()).encode())
    return file


def write_seeds(target: Target, place: Path | None = None) -> Path:
    """Write the target's seeds, each named by its hash; give the directory."""
    place = place or cache_dir() / target.name / "seeds"
    _make(place)
    stale = {file.name for file in place.iterdir()}
    for seed in target.seeds():
        name = hashlib.sha1(seed, usedforsecurity=False).hexdigest()
        if name not in stale and len(seed) <= target.max_len:
            _replace(place / name, seed)
        stale.discard(name)
    for name in stale:
        with suppress(OSError):
            (place / name).unlink()
    return place


def _make(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error} [unwritable]") from None


def _replace(file: Path, data: bytes) -> None:
    # Fuzzers start side by side; none may see half a file.
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error} [unwritable]") from None


def _command(script: str) -> str:
    """Give what starts this script again: libFuzzer hands argv[0] to a shell for -fork and -merge."""
    if getattr(sys, "frozen", False):
        return shlex.quote(sys.executable)
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(script).resolve()))}"


def _limit_memory(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > size:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


class Hang(Exception):  # noqa: N818 - a finding, named by what it is
    """One input has taken more CPU than any may."""


class Guard:
    """Runs inputs one after the other; the first that finds something is staged and raised.

    A timer of CPU time, which costs an input nothing, interrupts one that does not end.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._run: Callable[[bytes], None] = target.run
        self._count = self._seen = self._ticks = 0
        signal.signal(signal.SIGVTALRM, self._tick)
        signal.setitimer(signal.ITIMER_VIRTUAL, _TICK, _TICK)

    def __call__(self, data: bytes) -> None:
        """Run one input. Raises whatever it finds."""
        self._count += 1
        try:
            self._run(data)
        except InputError as error:
            # Not the input's fault: a testee that is gone, say.
            print(f"{self.target.name}: {error}", file=sys.stderr, flush=True)
            os._exit(2)
        except Exception as error:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._stage(data, error)
            raise

    def _stage(self, data: bytes, error: Exception) -> None:
        from vmstate_conformance.fuzzing import staging  # noqa: PLC0415 - instrumented by now

        print(f"\n== {self.target.name}: found after {self._count} executions", file=sys.stderr)
        try:
            shrink = not isinstance(error, Hang | MemoryError)
            file = staging.stage(self.target, data, error, staging_dir(), shrink=shrink)
        except InputError as problem:
            print(f"== not staged: {problem}", file=sys.stderr)
            return
        print(f"== {type(error).__name__}: {error}", file=sys.stderr)
        print(f"== {file}\n== replay: python fuzz/triage.py --replay {file}", file=sys.stderr)

    def _tick(self, _number: int, _frame: FrameType | None) -> None:
        if self._count != self._seen:
            self._seen, self._ticks = self._count, 0
            return
        self._ticks += 1
        if self._count and self._ticks >= self.target.timeout:
            raise Hang(f"no end after {self.target.timeout} s of CPU")
