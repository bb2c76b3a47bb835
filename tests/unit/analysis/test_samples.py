"""Sites from samples, against sums that are plain to see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.samples import (
    Samples,
    leaked_sites,
    lost_sites,
    samples_of,
    site_growth,
    site_notes,
    weigh,
    weights_by_stack,
)
from leakhunt.analysis.sites import SiteBasis
from leakhunt.store.columns import NO_NODE, SnapshotColumns
from tests.builders import Heap

MAIN = CodeLine("main", "/app/app.py", 10)
SESSION = CodeLine("Session.__init__", "/app/shop.py", 14)
DUMPS = CodeLine("dumps", "/usr/lib/python3.12/json/__init__.py", 231)
ENCODE = CodeLine("encode", "/usr/lib/python3.12/json/encoder.py", 200)
IN_LIBRARY = (ENCODE, DUMPS, SESSION, MAIN)
IN_OWN = (SESSION, MAIN)
STACKS = (IN_LIBRARY, IN_OWN)


def samples(blocks: Sequence[tuple[int, int, int]], sample_bytes: int = 0) -> Samples:
    """``blocks``: node, size, stack."""
    table = np.array(blocks, np.int64).reshape(-1, 3)
    node, size = table[:, 0].astype(np.uint32), table[:, 1].astype(np.uint64)
    address = np.arange(len(node), dtype=np.uint64) * 16
    return Samples(address, node, size, table[:, 2], (*STACKS, ()), sample_bytes)


def test_exact_traces_give_exact_sums() -> None:
    found = weights_by_stack(samples([(0, 100, 0), (128, 50, 1), (256, 25, 0)]))
    assert [(stack, w.bytes.value, w.count.value) for stack, w in found.items()] == [
        (IN_LIBRARY, 125, 2),
        (IN_OWN, 50, 1),
    ]
    assert all(w.bytes.low == w.bytes.value == w.bytes.high for w in found.values())


def test_a_sample_stands_for_blocks_by_the_inverse_of_its_chance() -> None:
    weight = weigh(samples([(0, 1000, 0), (2000, 64, 0)], 8192), [0, 1])
    chances = [1 - math.exp(-size / 8192) for size in (1000, 64)]
    assert weight.sample_count == 2
    assert weight.count.value == pytest.approx(sum(1 / p for p in chances))
    assert weight.bytes.value == pytest.approx(1000 / chances[0] + 64 / chances[1])
    assert 1064 <= weight.bytes.low < weight.bytes.value < weight.bytes.high


def test_sites_of_a_population_count_its_own_objects_only() -> None:
    taken = samples([(node, 48, node % 2) for node in range(10)] + [(2, 48, 2), (NO_NODE, 48, 0)])
    library, own = leaked_sites(taken, np.arange(5))
    assert (library.line, library.callee, library.basis) == (SESSION, DUMPS, SiteBasis.EXACT)
    assert library.stack == IN_LIBRARY
    assert (library.sample_count, own.sample_count) == (3, 2)
    assert library.bytes is not None
    assert library.bytes.value == 3 * 48
    assert (own.line, own.callee, own.has_stack) == (SESSION, None, True)


def test_a_population_without_samples_has_no_site() -> None:
    assert leaked_sites(samples([(5, 48, 0)], 8192), np.array([1, 2])) == ()
    assert leaked_sites(samples([]), np.array([1])) == ()


def test_samples_are_read_from_the_columns_of_a_snapshot() -> None:
    heap = Heap()
    heap.footer["sites"] = {"source": "sampled", "sample_bytes": 8192}
    plain = heap.snap()
    texts = ["main", "/app/app.py", "Session.__init__", "/app/shop.py"]
    first = len(plain.string_node)
    blob = "".join(texts).encode()
    ends = plain.string_offset[-1] + np.cumsum([len(text) for text in texts]).astype(np.uint64)
    columns = replace(
        plain,
        string_offset=np.concatenate([plain.string_offset, ends]),
        string_bytes=np.concatenate([plain.string_bytes, np.frombuffer(blob, np.uint8)]),
        string_node=np.concatenate([plain.string_node, np.full(4, NO_NODE, np.uint32)]),
        site_parent=np.array([-1, 0], np.int32),
        site_function=np.array([first, first + 2], np.uint32),
        site_file=np.array([first + 1, first + 3], np.uint32),
        site_line=np.array([10, 14], np.uint32),
        sample_node=np.array([0, NO_NODE, 1], np.uint32),
        sample_site=np.array([1, -1, 1], np.int32),
        sample_size=np.array([64, 100, 32], np.uint64),
    )
    found = samples_of(columns)
    assert found is not None
    assert [found.stacks[i] for i in found.stack] == [IN_OWN, (), IN_OWN]
    assert (found.basis, found.sample_bytes) == (SiteBasis.SAMPLED, 8192)


def test_a_snapshot_without_sampling_has_no_samples() -> None:
    assert samples_of(Heap().snap()) is None


def with_sites(how: dict[str, object]) -> SnapshotColumns:
    heap = Heap()
    heap.footer["sites"] = how
    return heap.snap()


SAMPLED = {"source": "sampled", "sample_bytes": 8192, "reuse": 2, "lost": 0, "is_sound": True}


def test_nothing_is_told_once_the_hook_was_taken_away() -> None:
    columns = with_sites(SAMPLED | {"is_sound": False})
    assert samples_of(columns) is None
    [note] = site_notes(columns, "final")
    assert note.startswith("Another hook")
    assert "before the final snapshot" in note


def test_notes_say_what_is_missing() -> None:
    assert site_notes(with_sites(SAMPLED), "final") == []
    assert site_notes(Heap().snap(), "final") == []
    lost, reuse = site_notes(with_sites(SAMPLED | {"lost": 1200, "reuse": 0}), "final")[::-1]
    assert "1,200 sampled allocations" in lost
    assert "free lists" in reuse
    traced = {"source": "tracemalloc", "left_out": 2500, "unknown_stacks": 7}
    left_out, unknown = site_notes(with_sites(traced), "loaded")
    assert "first 1,048,576 objects were read for the loaded snapshot and 2,500 left" in left_out
    assert unknown.startswith("7 traces of the loaded snapshot")
    assert site_notes(with_sites({"source": "tracemalloc"}), "final") == []


def test_growth_compares_the_last_moment_with_the_first() -> None:
    rows = site_growth(
        {
            "baseline": samples([(0, 500, 0)]),
            "loaded": samples([(0, 500, 0), (600, 70, 1), (700, 80, 1)]),
            "final": samples([(0, 500, 0), (600, 70, 1)]),
        }
    )
    assert [(row.line, row.callee) for row in rows] == [(SESSION, None), (SESSION, DUMPS)]
    assert [rows[0].bytes_at(label) for label in ("baseline", "loaded", "final")] == [0, 150, 70]
    assert rows[1].bytes_at("final") - rows[1].bytes_at("baseline") == 0


def test_the_mean_of_many_estimates_is_the_truth() -> None:
    random = np.random.default_rng(6)
    sizes = np.array([64] * 4000 + [5000] * 40)
    chance = 1 - np.exp(-sizes / 8192)
    covered, values = 0, []
    for _ in range(200):
        taken = np.flatnonzero(random.random(len(sizes)) < chance)
        blocks = [(i * 8192, int(sizes[i]), 0) for i in taken.tolist()]
        weight = weigh(samples(blocks, 8192), range(len(blocks)))
        values.append(weight.bytes.value)
        covered += weight.bytes.low <= sizes.sum() <= weight.bytes.high
    spread = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values) - sizes.sum()) < 4 * spread
    assert covered >= 0.92 * len(values)


def test_blocks_that_nothing_reaches_are_known_by_their_addresses() -> None:
    some = samples([(NO_NODE, 100, 0), (NO_NODE, 60, 1), (3, 10, 0)])
    (site,) = lost_sites(some, np.array([16, 999], np.uint64))
    assert (site.line, site.bytes is not None and site.bytes.value) == (SESSION, 60)
    assert lost_sites(some, np.array([8], np.uint64)) == ()
