"""Waste as the snapshot shows it against what the interpreter says of the same objects."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from leakhunt.analysis.waste.duplicates import value_classes
from leakhunt.analysis.waste.find import find_waste
from leakhunt.analysis.waste.results import Waste
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.reader import open_snapshot
from tests.agent.conftest import RunProgram
from tests.agent.snapshot_view import SnapshotView

Told = dict[str, Any]


@pytest.fixture(scope="module")
def found(
    run_program: RunProgram, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Waste, Told, SnapshotView]:
    folder = tmp_path_factory.mktemp("waste")
    run_program("waste_program.py", folder)
    columns = open_snapshot(folder / "heap.lkheap")
    told: Told = json.loads((folder / "told.json").read_text("utf-8"))
    return find_waste(HeapGraph(columns), None), told, SnapshotView(columns)


def expected_waste(sample: dict[str, int]) -> int:
    """Empty: all of it.  Less than half full: what a copy saves."""
    if sample["entries"] == 0:
        return sample["size"]
    if 2 * sample["entries"] < sample.get("capacity", 0):
        return max(0, sample["size"] - sample["fitting"])
    return 0


def test_containers_are_what_the_interpreter_says(
    found: tuple[Waste, Told, SnapshotView],
) -> None:
    waste, told, _ = found
    told_by_path = {f"__main__.SAMPLES['{name}']": one for name, one in told["samples"].items()}
    wasted = {
        place.path: place.wasted_bytes
        for place in waste.containers.places
        if place.path in told_by_path
    }
    expected = {path: expected_waste(one) for path, one in told_by_path.items()}
    assert wasted == {path: size for path, size in expected.items() if size}
    assert len(wasted) >= 40
    for place in waste.containers.places:
        if place.path in told_by_path:
            assert place.is_empty == (told_by_path[place.path]["entries"] == 0)
            assert (place.objects, place.bytes) == (1, told_by_path[place.path]["size"])


def test_sums_by_type_are_those_of_the_places(found: tuple[Waste, Told, SnapshotView]) -> None:
    waste = found[0]
    sums: dict[tuple[str, bool], list[int]] = defaultdict(lambda: [0, 0])
    for place in waste.containers.places:
        sums[place.type, place.is_empty][0] += place.objects
        sums[place.type, place.is_empty][1] += place.wasted_bytes
    for row in waste.containers.types:
        assert sums[row.type, True] == [row.empty_objects, row.empty_bytes]
        assert sums[row.type, False] == [row.sparse_objects, row.sparse_bytes]
    assert waste.containers.wasted_bytes == sum(one for _, one in sums.values())


def test_dicts_that_slots_would_save(found: tuple[Waste, Told, SnapshotView]) -> None:
    waste, told, _ = found
    rows = {row.type: row for row in waste.instance_dicts}
    for name, sizes in told["dicts"].items():
        row = rows[f"__main__.{name}"]
        assert (row.objects, row.dict_bytes) == (len(sizes), sum(sizes))
        assert row.wasted_bytes == row.dict_bytes - 8 * row.attributes * row.objects
        assert row.attributes in (0, 2)  # 3.13: the instances themselves hold the values
    assert not {"__main__.Slotted", "__main__.FailureError", "builtins.module"} & rows.keys()
    assert not any(name.startswith(("builtins.", "_io.", "functools.")) for name in rows)


def test_values_are_equal_exactly_when_python_calls_them_equal(
    found: tuple[Waste, Told, SnapshotView],
) -> None:
    _, told, view = found
    classes, is_compared = value_classes(HeapGraph(view.columns))
    text_by_class: dict[int, str] = {}
    class_by_text: dict[str, int] = {}
    for address, text in told["equal"]:
        node = view.must(address)
        assert is_compared[node]
        number = int(classes[node])
        assert text_by_class.setdefault(number, text) == text
        assert class_by_text.setdefault(text, number) == number, text
    assert len(class_by_text) > 20


def test_a_duplicate_is_told_with_its_place(found: tuple[Waste, Told, SnapshotView]) -> None:
    waste, told, _ = found
    assert waste.duplicates is not None
    values = [one for one in waste.duplicates.values if one.path == "__main__.EQUAL['alone'][*]"]
    (found_one,) = values
    assert (found_one.objects, found_one.path_objects) == (7, 7)
    assert found_one.wasted_bytes == 6 * told["alone"]


def test_sums_of_duplicates(found: tuple[Waste, Told, SnapshotView]) -> None:
    duplicates = found[0].duplicates
    assert duplicates is not None
    by_type: dict[str, int] = defaultdict(int)
    for one in duplicates.values:
        by_type[one.type] += one.wasted_bytes
    assert by_type == {row.type: row.wasted_bytes for row in duplicates.types if row.wasted_bytes}
    assert duplicates.wasted_bytes == sum(by_type.values())
    assert 0 < found[0].wasted_bytes < found[0].heap_bytes
