"""Fuzzing in small: a few thousand mutations in each test run (`tests/fuzz/mutate.py` for more)."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from leakhunt.errors import SnapshotError
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.metadata import check_footer, check_header
from leakhunt.store.stream import STREAM_FORMAT, decode_stream, read_stream
from tests.fuzz import mutate
from tests.slow_reader import slow_read
from tests.store_equality import assert_same_columns


def test_only_snapshot_errors_come_out() -> None:
    count = 8000
    accepted = mutate.run(count, seed=7)
    assert 0 < accepted < count


def test_slow_reader_agrees_on_damaged_streams() -> None:
    random = Random(11)
    accepted = 0
    for _ in range(3000):
        data = mutate.mutated_stream(random)
        accepted += agree(data)
    assert accepted > 100


def test_slow_reader_agrees_on_changed_records() -> None:
    random = Random(13)
    accepted = 0
    for _ in range(3000):
        body = mutate.mutated(mutate.BODIES[random.random() < 0.3], random)
        accepted += agree(mutate.framed(mutate.repaired(mutate.PARTS[0].header, body)))
    assert accepted > 300


def test_a_file_is_read_like_its_bytes(tmp_path: Path) -> None:
    """Reading a file decodes in place: the same columns, the same complaint."""
    random, path = Random(17), tmp_path / "a.lkheap"
    accepted = 0
    for _ in range(1500):
        data = mutate.mutated_stream(random)
        path.write_bytes(data)
        expected, problem = _outcome(data)
        if expected is None:
            with pytest.raises(SnapshotError) as caught:
                read_stream(path)
            assert str(caught.value) == f"{path}: {problem}"
        else:
            assert_same_columns(read_stream(path), expected)
            accepted += 1
    assert accepted > 50


def _outcome(data: bytes) -> tuple[SnapshotColumns | None, str]:
    try:
        return decode_stream(data), ""
    except SnapshotError as error:
        return None, str(error)


def agree(data: bytes) -> bool:
    """Both readers refuse the stream (False), or give the same columns."""
    try:
        fast = decode_stream(data)
    except SnapshotError as error:
        fast = None
        problem = str(error)
    try:
        slow: SnapshotColumns | None = slow_read(data)
        assert slow is not None
        check_header(slow.header, STREAM_FORMAT)
        check_footer(slow.footer, counts_of(slow))
    except SnapshotError:
        slow = None
    if fast is None or slow is None:
        assert fast is slow, problem if fast is None else "the slow reader refuses it"
        return False
    assert_same_columns(fast, slow)
    return True


def counts_of(columns: SnapshotColumns) -> dict[str, int]:
    return {
        "nodes": columns.heap_count,
        "roots": len(columns.root_kind),
        "types": int(((columns.type_flags & 8) == 0).sum()),
        "edges": int((columns.edge_kind != 11).sum()),
    }
