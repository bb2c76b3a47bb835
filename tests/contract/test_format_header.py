"""Every number of the C header is the number of leakhunt/agent/format.py or graph_kinds.py."""

from __future__ import annotations

import ast
import re
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest

from leakhunt.agent import format as fmt
from leakhunt.agent.graph_kinds import EdgeKind, RootKind

HEADER = Path(fmt.__file__).parent / "native" / "stream_format.h"

ENUMS: dict[str, type[IntEnum | IntFlag]] = {
    "LK_TAG_": fmt.Tag,
    "LK_RUN_": fmt.RunKind,
    "LK_EDGE_": EdgeKind,
    "LK_NODE_": fmt.NodeFlag,
    "LK_TYPE_": fmt.TypeFlag,
    "LK_STRING_": fmt.StringFlag,
    "LK_ROOT_": RootKind,
    "LK_SAMPLED_": fmt.SampleFlag,
    "LK_FACT_": fmt.Fact,
}
SCALARS = {
    "LK_VERSION_MAJOR": fmt.VERSION_MAJOR,
    "LK_VERSION_MINOR": fmt.VERSION_MINOR,
    "LK_BLOCK_BYTES": fmt.BLOCK_BYTES,
    "LK_NODE_TAG_BASE": fmt.NODE_TAG_BASE,
    "LK_SLOT_BYTES": fmt.SLOT_BYTES,
}


def header_text() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)


def enumerators() -> dict[str, int]:
    bodies = re.findall(r"enum\s+lk_\w+\s*\{(.*?)\}", header_text(), flags=re.DOTALL)
    pairs = re.findall(r"(LK_\w+)\s*=\s*(\d+)", " ".join(bodies))
    assert sum(body.count("LK_") for body in bodies) == len(pairs), "each constant has a value"
    return {name: int(value) for name, value in pairs}


def defines() -> dict[str, str]:
    return dict(re.findall(r"^#define (LK_\w+) +(.+?) *$", header_text(), flags=re.MULTILINE))


def c_bytes(literal: str) -> bytes:
    return ast.literal_eval("b" + literal) if literal.startswith('"') else b""


def c_int(expression: str) -> int:
    plain = re.sub(r"(?<=\d)u\b", "", expression.strip("()"))
    left, _, shift = plain.partition("<<")
    return int(left) << int(shift or 0)


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
    found = {name: c_int(defines()[name]) for name in SCALARS}
    assert found == SCALARS


def test_marks_are_the_same() -> None:
    assert c_bytes(defines()["LK_MAGIC"]) == fmt.MAGIC
    assert c_bytes(defines()["LK_END_MAGIC"]) == fmt.END_MAGIC


def test_no_define_is_unknown() -> None:
    assert set(defines()) == {*SCALARS, "LK_MAGIC", "LK_END_MAGIC"}
