"""Every number of the C header is the number of leakhunt/agent/wire.py."""

from __future__ import annotations

import re
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest

from leakhunt.agent import wire

HEADER = Path(wire.__file__).parent / "native" / "wire.h"

ENUMS: dict[str, type[IntEnum | IntFlag]] = {
    "LK_OP_": wire.Opcode,
    "LK_STATUS_": wire.Status,
    "LK_FLAG_": wire.Flag,
}
SCALARS = {
    "LK_WIRE_VERSION": wire.VERSION,
    "LK_REQUEST_BYTES_MAX": wire.REQUEST_BYTES_MAX,
    "LK_ANSWER_BYTES_MAX": wire.ANSWER_BYTES_MAX,
    "LK_LABEL_BYTES_MAX": wire.LABEL_BYTES_MAX,
    "LK_SILENCE_MS": wire.SILENCE_MS,
    "LK_MARK_WAIT_MS": wire.MARK_WAIT_MS,
}


def enumerators() -> dict[str, int]:
    return {
        name: int(value)
        for name, value in re.findall(r"^    (LK_\w+) = (\d+),$", HEADER.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("prefix", ENUMS)
def test_enum_is_the_same(prefix: str) -> None:
    in_header = {
        name.removeprefix(prefix): value
        for name, value in enumerators().items()
        if name.startswith(prefix)
    }
    assert in_header == {name: member.value for name, member in ENUMS[prefix].__members__.items()}


def test_no_enumerator_is_unknown() -> None:
    assert [name for name in enumerators() if not name.startswith(tuple(ENUMS))] == []


def test_scalars_are_the_same() -> None:
    found = re.findall(r"^#define (LK_\w+) (\d+)$", HEADER.read_text(), re.MULTILINE)
    assert {name: int(value) for name, value in found} == SCALARS
