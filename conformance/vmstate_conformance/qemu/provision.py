# SPDX-License-Identifier: Apache-2.0
"""Putting Debian's QEMU 11.1 into a cache directory, without installing anything on the machine.

apt resolves and fetches with a state of its own, from the mirror that the machine's own configuration
names; dpkg-deb unpacks into a sysroot, and the sysroot's own loader runs the binary. No root is needed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

#: Each release of QEMU that can be had: the suites of Debian, of which the last has it.
RELEASES: Final = {
    "11.1": ("trixie", "trixie-backports"),
    "10.0": ("trixie",),
    "7.2": ("bookworm",),
}
RELEASE: Final = "11.1"
#: Debian's package and binary of each architecture that can be asked for.
ARCHS: Final = {
    "x86_64": ("qemu-system-x86", "qemu-system-x86_64"),
    "s390x": ("qemu-system-s390x", "qemu-system-s390x"),
    "aarch64": ("qemu-system-arm", "qemu-system-aarch64"),
    "riscv64": ("qemu-system-riscv", "qemu-system-riscv64"),
    "ppc64": ("qemu-system-ppc", "qemu-system-ppc64"),
}
#: Programs that come with the release that we harvest from: a software TPM.
_TOOLS: Final = ("swtpm",)
_STAMP: Final = "provisioned.json"
_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCES: Final = Path("/etc/apt")
_TIMEOUT: Final = 900


class QemuError(Exception):
    """QEMU cannot be had or used: `str()` is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Qemu:
    """A QEMU binary, and the sysroot whose loader and libraries it needs, if any."""

    binary: Path
    sysroot: Path | None

    @property
    def accel(self) -> str:
        """The accelerator to run it under: qtest, but where Debian has left it out."""
        if self.sysroot is None or self.binary.name.endswith("-microvm"):
            return "qtest"
        modules = self.sysroot / "usr/lib/x86_64-linux-gnu/qemu"
        return "qtest" if any(modules.glob("accel-qtest*.so")) else "tcg"

    def command(self, *arguments: str, preload: Path | None = None) -> list[str]:
        """Give the command line that runs it; `preload` needs a sysroot, else the environment."""
        if self.sysroot is None:
            return [str(self.binary), *arguments]
        command = _loader(self.sysroot)
        if preload is not None:
            command += ["--preload", str(preload)]
        firmware = [part for place in self.data for part in ("-L", str(place))]
        return [*command, str(self.binary), *firmware, *arguments]

    def tool(self, name: str) -> list[str]:
        """Give the command of another program that was provisioned, or is on the PATH.

        Raises `QemuError` where there is none.
        """
        if self.sysroot is not None and (program := self.sysroot / "usr/bin" / name).is_file():
            return [*_loader(self.sysroot), str(program)]
        found = shutil.which(name)
        if found is None:
            raise QemuError(f"{name} is needed and not there: install it, or provision anew")
        return [found]

    def environment(self) -> dict[str, str]:
        """Give what it needs in its environment: where its modules are."""
        if self.sysroot is None:
            return {}
        return {"QEMU_MODULE_DIR": str(self.sysroot / "usr/lib/x86_64-linux-gnu/qemu")}

    @property
    def data(self) -> list[Path]:
        """Where its firmware is: Debian has it in packages of its own."""
        share = (self.sysroot or Path("/")) / "usr/share"
        places = ("qemu", "seabios", "ipxe/qemu", "qemu-efi-aarch64")
        return [share / place for place in places if (share / place).is_dir()]

    def version(self) -> str:
        """Ask for its version, like `11.1.3`. Raises `QemuError`."""
        try:
            done = subprocess.run(
                self.command("--version"),
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except OSError as error:
            reason = error.strerror or error
            raise QemuError(f"{self.binary}: cannot be run: {reason}") from None
        except (subprocess.TimeoutExpired, UnicodeDecodeError):
            raise QemuError(f"{self.binary}: says no version; is it QEMU?") from None
        found = re.match(r"QEMU emulator version (\d+\.\d+\.\d+)", done.stdout)
        if found is None:
            raise QemuError(f"{self.binary}: says no version; is it QEMU?")
        return found[1]


def _loader(sysroot: Path) -> list[str]:
    libraries = sysroot / "usr/lib/x86_64-linux-gnu"
    places = [libraries, *sorted(each for each in libraries.iterdir() if each.is_dir())]
    loader = sysroot / "usr/lib64/ld-linux-x86-64.so.2"
    return [str(loader), "--library-path", ":".join(map(str, places))]


def cache_dir() -> Path:
    """Give the cache: $VMSTATE_CONFORMANCE_CACHE, or the user's own."""
    given = os.environ.get("VMSTATE_CONFORMANCE_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("vmstate-conformance")


def find(
    path: str | None,
    arch: str = "x86_64",
    cache: Path | None = None,
    release: str = RELEASE,
) -> Qemu:
    """Find the user's binary, or the provisioned one. Raises `QemuError`."""
    if path is not None:
        found = shutil.which(path)
        if found is None:
            raise QemuError(f"{path}: there is no such program")
        # One of ours is run in its own sysroot, by whatever name it is asked for.
        stamped = (each for each in Path(found).resolve().parents if (each / _STAMP).is_file())
        return Qemu(Path(found), next(stamped, None))
    if release not in RELEASES:
        raise QemuError(f"QEMU {release} cannot be provisioned, only {', '.join(RELEASES)}")
    sysroot = (cache or cache_dir()) / _folder(release)
    binary = sysroot / "usr/bin" / ARCHS[arch][1]
    if not binary.is_file():
        more = "" if release == RELEASE else f" --release {release}"
        raise QemuError(
            f"no QEMU {release} for {arch} is provisioned: run 'vmstate-conformance qemu "
            f"provision --arch {arch}{more}', or name your own with --testee qemu:PATH"
        )
    return Qemu(binary, sysroot)


def _folder(release: str) -> str:
    return "debian" if release == RELEASE else f"debian-{release}"


def provision(
    archs: Sequence[str], cache: Path | None = None, release: str = RELEASE
) -> dict[str, str]:
    """Make sure that the binaries are there; give the version of each package.

    Raises `QemuError` where the machine has no apt, its mirror no such suite, or no network.
    """
    cache = cache or cache_dir()
    target = cache / _folder(release)
    stamp = _stamp(target)
    wanted = {*archs, *stamp.get("archs", ())}
    tools = _TOOLS if release == RELEASE else ()
    if stamp and wanted == set(stamp["archs"]) and set(tools) <= set(stamp.get("tools", ())):
        return dict(stamp["packages"])
    for tool in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            raise QemuError(
                f"this machine has no {tool}: provisioning needs Debian's own tools; "
                "name your own binary with --testee qemu:PATH"
            )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".provision-") as name:
        work = Path(name)
        names = [ARCHS[arch][0] for arch in sorted(wanted)]
        packages = _fetch(work, [*names, *tools], RELEASES[release])
        sysroot = work / "sysroot"
        _unpack(work / "cache/archives", sysroot)
        made = {"archs": sorted(wanted), "packages": packages, "tools": tools}
        (sysroot / _STAMP).write_text(json.dumps(made))
        old = work / "old"
        if target.exists():
            target.rename(old)
        sysroot.rename(target)
    return packages


def _stamp(target: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((target / _STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def _fetch(work: Path, names: list[str], suites: Sequence[str]) -> dict[str, str]:
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "state/status").touch()
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
    lines = [f"deb {signed}{_mirror()} {suite} main\n" for suite in suites]
    (work / "sources.list").write_text("".join(lines))
    options = {
        "Dir::State": work / "state",
        "Dir::State::status": work / "state/status",
        "Dir::Cache": work / "cache",
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "1",
    }
    apt = [
        "apt-get",
        *(part for key, value in options.items() for part in ("-o", f"{key}={value}")),
    ]
    _run([*apt, "-q", "update"])
    install = ["install", "-q", "-y", "--download-only", "--no-install-recommends"]
    _run([*apt, *install, "-t", suites[-1], *names])
    return {
        each["Package"]: each["Version"]
        for each in map(_control, (work / "cache/archives").glob("qemu-system-*.deb"))
    }


def _mirror() -> str:
    """Give the address of the Debian mirror that this machine's apt uses."""
    for file in _source_files():
        for line in file.read_text(errors="replace").splitlines():
            found = re.match(r"(?:URIs:|deb(?:\s+\[.*?\])?)\s*(\S+/debian/?)(\s|$)", line)
            if found:
                return found[1]
    raise QemuError(
        "apt's configuration names no Debian mirror to take QEMU from; "
        "name your own binary with --testee qemu:PATH"
    )


def _source_files() -> Iterator[Path]:
    yield from sorted(_SOURCES.glob("sources.list.d/*.sources"))
    yield from sorted(_SOURCES.glob("sources.list"))
    yield from sorted(_SOURCES.glob("sources.list.d/*.list"))


def _control(package: Path) -> dict[str, str]:
    shown = _run(["dpkg-deb", "-f", str(package), "Package", "Version"])
    return dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line)


def _unpack(archives: Path, sysroot: Path) -> None:
    sysroot.mkdir()
    # Older releases put half of it beside /usr.
    for name in ("bin", "lib", "lib64", "sbin"):
        (sysroot / "usr" / name).mkdir(parents=True)
        (sysroot / name).symlink_to(f"usr/{name}")
    for package in sorted(archives.glob("*.deb")):
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
        ) as reader:
            unpack = ["tar", "-x", "-C", str(sysroot), "--keep-directory-symlink"]
            done = subprocess.run(
                [*unpack, "--no-same-owner", "--exclude=./dev/*"],
                stdin=reader.stdout,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode or reader.returncode:
            raise QemuError(f"{package.name} cannot be unpacked: {done.stderr.strip()[-300:]}")


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired:
        raise QemuError(f"{command[0]} did not end within {_TIMEOUT} s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        reason = " ".join(said) or done.stderr.strip()[-300:]
        raise QemuError(f"{command[0]} failed: {reason}")
    return done.stdout
