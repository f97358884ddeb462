# SPDX-License-Identifier: Apache-2.0
"""What a testee says of itself, and what a request needs of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

PROTOCOL: Final = 1
_WINDOW: Final = 8
#: How exactly a testee names the cause of a refusal, and how it shows a state.
_ERRORS: Final = ("none", "coarse", "fine")
_STATES: Final = ("none", "tree")
_ABI: Final = "lp64-le"


class HelloError(Exception):
    """A hello that says nothing one could rely on."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The hello of a testee, read. A list that is None was not given: the testee decides case by case.

    `static` maps the digest of each description document that is compiled in to its name there.
    """

    raw: dict[str, Any]
    dialects: tuple[str, ...]
    profiles: tuple[str, ...]
    window: int
    lists: dict[str, frozenset[str] | None]
    hooks: bool
    vmdesc: bool
    heap: bool
    errors: str
    state: str
    static: dict[str, str] | None

    @classmethod
    def read(cls, message: dict[str, Any]) -> Hello:
        """Read the message. Raises `HelloError`."""
        if message.get("protocol") != PROTOCOL:
            raise HelloError(f"it speaks protocol {message.get('protocol')!r}, not {PROTOCOL}")
        caps = message.get("caps", {})
        if not isinstance(caps, dict):
            raise HelloError("hello: caps is no object")
        return cls(
            raw=message,
            dialects=_strings(message, "dialects") or (),
            profiles=_strings(message, "profiles") or (),
            window=_window(message.get("window", _WINDOW)),
            lists={
                name: None if (given := _strings(caps, name)) is None else frozenset(given)
                for name in ("ops", "infos", "flags")
            },
            hooks=_flag(caps, "hooks"),
            vmdesc=_flag(caps, "vmdesc"),
            heap=_flag(caps, "heap"),
            errors=_one_of(caps, "errors", _ERRORS, "fine"),
            state=_one_of(caps, "state", _STATES, "tree"),
            static=_static(message.get("descriptions", "dynamic")),
        )

    @property
    def profile(self) -> str:
        """The profile that it is asked in where nobody said which."""
        return next((each for each in ("compat", "hardened") if each in self.profiles), "compat")

    @property
    def shows_all(self) -> bool:
        """Whether its results hold all that results may hold."""
        return self.vmdesc and self.heap and self.state == "tree"

    def missing(self, request: Mapping[str, Any]) -> str | None:
        """Name what the request needs and the testee does not offer, like `infos:gtree`; or None."""
        ops = self.lists["ops"]
        if ops is not None and request["op"] not in ops:
            return f"ops:{request['op']}"
        for document in documents(request):
            if self.static is not None and digest(document) not in self.static:
                return f"descriptions:{digest(document)}"
            if self.static is not None:
                continue
            for kind, name in needs(document):
                if kind == "hooks":
                    if not self.hooks:
                        return "hooks"
                    continue
                offered = self.lists[kind]
                if offered is not None and name not in offered:
                    return f"{kind}:{name}"
        return None

    def claims(self, need: str) -> bool:
        """Whether the hello offers what the testee now says that it lacks."""
        kind, _, name = need.partition(":")
        if kind in ("hooks", "vmdesc", "heap"):
            return bool(getattr(self, kind))
        offered = self.lists.get(kind)
        return offered is not None and name in offered


def documents(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the description documents that a request holds."""
    if isinstance(request.get("document"), dict):
        yield request["document"]
    devices = request.get("devices")
    for device in devices if isinstance(devices, list) else ():
        if isinstance(device, dict) and isinstance(device.get("document"), dict):
            yield device["document"]


_NEEDS: dict[int, tuple[Any, tuple[tuple[str, str], ...]]] = {}
_DIGESTS: dict[int, tuple[Any, str]] = {}
_KEPT: Final = 4096


def needs(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Give the infos, flags and hooks that a document uses, as (kind, name), sorted."""
    kept = _NEEDS.get(id(document))
    if kept is None:
        kept = document, tuple(sorted(set(_needs(document))))
        _keep(_NEEDS, document, kept)
    return kept[1]


def _needs(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    descriptions = document.get("descriptions")
    for vmsd in descriptions.values() if isinstance(descriptions, dict) else ():
        if not isinstance(vmsd, dict):
            continue
        if vmsd.get("hooks"):
            yield "hooks", ""
        fields = vmsd.get("fields")
        for field in fields if isinstance(fields, list) else ():
            if not isinstance(field, dict):
                continue
            if isinstance(field.get("info"), str):
                yield "infos", field["info"]
            flags = field.get("flags")
            for flag in flags if isinstance(flags, list) else ():
                if isinstance(flag, str):
                    yield "flags", flag


def digest(document: dict[str, Any]) -> str:
    """Name a document by its content: `sha256:` of its JSON with sorted keys and no spaces."""
    kept = _DIGESTS.get(id(document))
    if kept is None:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        kept = document, f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        _keep(_DIGESTS, document, kept)
    return kept[1]


def _keep(store: dict[int, Any], document: dict[str, Any], value: Any) -> None:
    # The document is held with its value: its id() cannot become another's.
    if len(store) >= _KEPT:
        store.clear()
    store[id(document)] = value


def _strings(values: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    given = values.get(key)
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise HelloError(f"hello: {key} is no list of strings")
    return tuple(given)


def _flag(caps: Mapping[str, Any], key: str) -> bool:
    given = caps.get(key, False)
    if not isinstance(given, bool):
        raise HelloError(f"hello: caps.{key} is neither true nor false")
    return given


def _one_of(caps: Mapping[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
    given = caps.get(key, default)
    if given not in known:
        raise HelloError(f"hello: caps.{key} is none of {', '.join(known)}")
    return str(given)


def _window(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= 64:
        raise HelloError("hello: window is no number from 1 to 64")
    return given


def _static(given: Any) -> dict[str, str] | None:
    if given == "dynamic":
        return None
    listed = given.get("static") if isinstance(given, dict) else None
    if not isinstance(listed, dict) or not all(isinstance(ref, str) for ref in listed.values()):
        raise HelloError('hello: descriptions is neither "dynamic" nor {"static": {DIGEST: NAME}}')
    # A digest may stand behind a name for people: `t/dev@sha256:...`.
    return {key.rpartition("@")[2]: ref for key, ref in listed.items()}
