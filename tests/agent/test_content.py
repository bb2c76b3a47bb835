"""Hashes of values: equal when the values are, and of no use to anybody else."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakhunt.agent import format as fmt
from leakhunt.store.reader import open_snapshot
from tests.agent.conftest import RunProgram
from tests.agent.snapshot_view import SnapshotView

HASHED = {"builtins.str", "builtins.bytes", "builtins.int", "builtins.float"}
Told = dict[str, Any]


@pytest.fixture(scope="module")
def captured(
    run_program: RunProgram, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, SnapshotView], Told]:
    folder = tmp_path_factory.mktemp("content")
    run_program("content_program.py", folder)
    names = ("plain", "first", "second", "fork")
    views = {name: SnapshotView(open_snapshot(folder / f"{name}.lkheap")) for name in names}
    return views, json.loads((folder / "told.json").read_text())


def hash_of(view: SnapshotView, address: int) -> int | None:
    return view.facts(view.must(address)).get("CONTENT")


@pytest.mark.parametrize("name", ["first", "second", "fork"])
def test_hashes_are_equal_exactly_when_type_and_value_are(
    captured: tuple[dict[str, SnapshotView], Told], name: str
) -> None:
    views, told = captured
    value_by_hash: dict[int, tuple[str, str]] = {}
    hash_by_value: dict[tuple[str, str], int] = {}
    for address, kind, text in told["samples"]:
        found = hash_of(views[name], address)
        assert found is not None, text
        assert value_by_hash.setdefault(found, (kind, text)) == (kind, text)
        assert hash_by_value.setdefault((kind, text), found) == found, text


def test_only_plain_values_up_to_a_limit_are_hashed(
    captured: tuple[dict[str, SnapshotView], Told],
) -> None:
    views, told = captured
    assert [hash_of(views["first"], address) for address in told["others"]] == [None] * 6
    columns = views["first"].columns
    hashed = columns.fact_node[columns.fact_id == fmt.Fact.CONTENT]
    types = {columns.type_string(int(columns.node_type[v])) for v in hashed}
    assert types == HASHED
    names = [columns.type_string(i) for i in range(columns.type_count)]
    plain = np.isin(columns.node_type, [i for i, name in enumerate(names) if name in HASHED])
    small = columns.node_size <= 1 << 24
    assert len(hashed) == int((plain & small).sum())


def test_without_the_wish_there_are_none(
    captured: tuple[dict[str, SnapshotView], Told],
) -> None:
    columns = captured[0]["plain"].columns
    assert not (columns.fact_id == fmt.Fact.CONTENT).any()


def test_each_capture_has_a_key_of_its_own(
    captured: tuple[dict[str, SnapshotView], Told],
) -> None:
    views, told = captured
    for address, *_ in told["samples"]:
        hashes = {hash_of(views[name], address) for name in ("first", "second", "fork")}
        assert len(hashes) == 3


# ---- the function itself ----

MASK = (1 << 64) - 1
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include "siphash.h"
int main(int argc, char **argv) {
    (void)argc;
    lk_sip_key key = {strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0)};
    unsigned char bytes[64];
    for (size_t n = 0; n <= 64; n++) {
        for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(i * 7 + n);
        printf("%llu\\n", (unsigned long long)lk_siphash(key, 0x0706050403020100ull, bytes, n));
    }
}
"""


def slow_siphash(c: int, d: int, k0: int, k1: int, message: bytes) -> int:
    """SipHash-c-d as its paper says it."""
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]  # fmt: skip

    def rotate(x: int, bits: int) -> int:
        return (x << bits | x >> (64 - bits)) & MASK

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = (v[0] + v[1]) & MASK
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & MASK
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & MASK
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & MASK
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(c)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(d)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_twin_gives_the_vector_of_the_paper() -> None:
    key = bytes(range(16))
    k0, k1 = (int.from_bytes(part, "little") for part in (key[:8], key[8:]))
    assert slow_siphash(2, 4, k0, k1, bytes(range(15))) == 0xA129CA6149BE45E5


def test_the_function_in_c_is_its_twin(tmp_path: Path) -> None:
    source, program = tmp_path / "hash.c", tmp_path / "hash"
    source.write_text(PROGRAM)
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    include = Path(fmt.__file__).parent / "native"
    subprocess.run(
        [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{include}", source,
         "-o", program], check=True,
    )  # fmt: skip
    key = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
    done = subprocess.run([program, *map(hex, key)], check=True, capture_output=True, text=True)
    word = bytes(range(8))
    expected = [
        slow_siphash(1, 3, *key, word + bytes((i * 7 + n) & 255 for i in range(n)))
        for n in range(65)
    ]
    assert [int(line) for line in done.stdout.split()] == expected
