# SPDX-License-Identifier: Apache-2.0
"""The bulk path of plain arrays is a short cut: it changes nothing but the time."""

from __future__ import annotations

import random
from typing import Any

import pytest
from documents import document, load, member, save

from vmstate import load as load_module
from vmstate import save as save_module
from vmstate.operations import perform

INFOS = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SIZES = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2}


def size_of(info: str) -> int:
    return SIZES.get(info, 4 if info.endswith("32") else 8)


def arrays(info: str, held: int, sent: int) -> dict[str, Any]:
    """Dev { T a[held]; uint8_t after; } of which `sent` elements are sent."""
    size = size_of(info)
    field = {
        "name": "a",
        "info": info,
        "offset": 0,
        "size": size,
        "num": sent,
        "flags": ["VMS_ARRAY"],
    }
    members = [
        member("a", 0, {"array": info, "count": held}),
        member("after", held * size, "uint8"),
    ]
    return document([field], members, held * size + 1)


def both(monkeypatch: pytest.MonkeyPatch, request: dict[str, Any], profile: str) -> tuple[Any, Any]:
    quick = perform(request, profile=profile)
    with monkeypatch.context() as slow:
        slow.setattr(load_module, "load_bulk", lambda *_: 0)
        slow.setattr(save_module, "save_bulk", lambda _saver, _field, _extent, index: index)
        return quick, perform(request, profile=profile)


@pytest.mark.parametrize("profile", ["compat", "hardened"])
@pytest.mark.parametrize("info", INFOS)
def test_both_paths_load_alike_whole_cut_short_and_too_many(
    info: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(info)
    before = {"a": ["1"] * 9, "after": "5"}
    for sent in (0, 3, 4, 9, 10, 30):
        for length in (0, 1, 9 * size_of(info), 10 * size_of(info), 33 * size_of(info) + 1):
            request = load(arrays(info, 9, sent), before, choose.randbytes(length).hex())
            quick, slow = both(monkeypatch, request, profile)
            assert quick == slow


@pytest.mark.parametrize("info", INFOS)
def test_both_paths_save_alike(info: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"a": [str(at % 2) for at in range(9)], "after": "5"}
    for sent in (0, 3, 4, 9, 10):
        for described in (True, False):
            request = {**save(arrays(info, 9, sent), state), "vmdesc": described}
            quick, slow = both(monkeypatch, request, "compat")
            assert quick == slow


def test_both_paths_see_the_same_end_of_a_stream_longer_than_a_buffer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = arrays("uint32", 20_000, 20_000)
    before = {"a": ["0"] * 20_000, "after": "5"}
    for length in (32_766, 32_768, 32_769, 65_537, 79_999, 80_000, 80_001):
        quick, slow = both(monkeypatch, load(source, before, "07" * length), "compat")
        assert quick == slow
