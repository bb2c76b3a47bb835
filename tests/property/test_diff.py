"""Growth by type against counting by hand, and what must always hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.diff import growth
from leakhunt.detectors.investigate import CaseSnapshots, investigate
from leakhunt.store.columns import SnapshotColumns
from tests.builders import Heap, Obj

TYPES = ("shop.A", "shop.B", "builtins.bytes")
STEP = st.lists(st.tuples(st.sampled_from(["add", "drop", "grow"]), st.integers(0, 9)), max_size=12)


@dataclass
class History:
    """Snapshots and, for each, the objects that were alive with their sizes."""

    snaps: list[SnapshotColumns]
    alive: list[dict[int, tuple[str, int]]]


def live(steps: list[list[tuple[str, int]]]) -> History:
    heap = Heap()
    held = heap.list()
    heap.module("shop", HELD=held)
    objects: list[Obj] = []
    keep: list[Obj] = []  # so that ids are never used twice
    history = History([], [])
    for step in [[], *steps]:
        for what, n in step:
            if what == "add":
                objects.append(heap.object(TYPES[n % 3], 16 + n))
                keep.append(objects[-1])
            elif objects and what == "drop":
                objects.pop(n % len(objects))
            elif objects:
                objects[n % len(objects)].size += 8
        held.edges.clear()
        held.append(*objects)
        history.snaps.append(heap.snap())
        history.alive.append({id(o): (o.type, o.size) for o in objects})
    return history


@given(st.lists(STEP, min_size=3, max_size=3))
def test_every_column_is_what_one_counts_by_hand(steps: list[list[tuple[str, int]]]) -> None:
    history = live(steps)
    b, _, loaded, f = history.alive
    snaps = history.snaps
    rows = {
        row.type: row
        for row in growth(Comparison(snaps[0], snaps[3], snaps[2], snaps[1], cycles=9))
    }
    hand = {
        "born": Counter(t for i, (t, _) in f.items() if i not in b and i in loaded),
        "late": Counter(t for i, (t, _) in f.items() if i not in loaded),
        "departed": Counter(t for i, (t, _) in b.items() if i not in f),
        "transient": Counter(t for i, (t, _) in loaded.items() if i not in b and i not in f),
        "count_final": Counter(t for t, _ in f.values()),
    }
    for name, counts in hand.items():
        for type_name in TYPES:
            found = getattr(rows[type_name], name) if type_name in rows else 0
            assert found == counts[type_name], (name, type_name)
    for type_name in TYPES:
        resized = sum(f[i][1] - size for i, (t, size) in b.items() if i in f and t == type_name)
        assert (rows[type_name].resized_bytes if type_name in rows else 0) == resized


@given(st.lists(STEP, min_size=1, max_size=1))
def test_a_diff_turned_round_is_its_negative(steps: list[list[tuple[str, int]]]) -> None:
    a, b = live(steps).snaps
    forth = {row.type: row for row in growth(Comparison(a, b))}
    back = {row.type: row for row in growth(Comparison(b, a))}
    assert forth.keys() == back.keys()
    for name, row in forth.items():
        assert row.count_delta == -back[name].count_delta
        assert row.bytes_delta == -back[name].bytes_delta


@given(st.lists(STEP, min_size=1, max_size=1))
def test_a_snapshot_against_itself(steps: list[list[tuple[str, int]]]) -> None:
    a = live(steps).snaps[-1]
    result = investigate(CaseSnapshots(a, a, a, a, cycles=9, window_cycles=3))
    assert result.findings == ()
    for row in result.growth:
        assert row.count_delta == row.bytes_delta == row.resized_bytes == 0
        assert row.born == row.departed == row.transient == row.late == 0
