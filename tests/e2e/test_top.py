"""A live view of a real process that grows at a known speed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from leakhunt.analysis.histogram import TypeTotal, totals_by_type
from leakhunt.hunt.top import Top, rows_of
from leakhunt.report.schema import load_schema
from tests.builders import Heap
from tests.e2e.test_bill import running

pytestmark = pytest.mark.e2e

GROWING = """
class Order: pass
KEPT = []
def grow():
    import time
    while True:
        KEPT.extend(Order() for _ in range(20))
        time.sleep(0.01)
threading.Thread(target=grow, daemon=True).start()
"""


def test_what_grows_fastest_comes_first(python: Path) -> None:
    with running(python, GROWING) as pid, Top(pid) as top:
        first = top.look(rows=1000)
        time.sleep(1.0)
        second = top.look(rows=5)
    assert all(row.bytes_per_min is None for row in first.rows)
    assert first.rows[0].bytes == max(row.bytes for row in first.rows)
    row = second.rows[0]
    assert row.type == "__main__.Order"
    assert len(second.rows) == 5 < second.types
    assert row.count_per_min is not None
    assert 0 < row.count_per_min <= 60 * 20 / 0.01 * 1.5
    before = next(one.count for one in first.rows if one.type == row.type)
    grown = (row.count - before) * 60 / second.span_s
    assert row.count_per_min == pytest.approx(grown)


def test_each_look_is_a_line_that_obeys_the_schema(python: Path) -> None:
    with running(python, GROWING) as pid:
        command = [sys.executable, "-m", "leakhunt", "top", str(pid), "--json", "--interval", "1s"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.stdout.close()  # who read it has seen enough
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        with process.stderr:
            assert process.stderr.read() == b""
    looks = [json.loads(line) for line in lines]
    for look in looks:
        Draft202012Validator(load_schema(name="top")).validate(look)
    assert [look["look"] for look in looks] == [1, 2]
    assert looks[1]["rows"][0]["type"] == "__main__.Order"


def test_one_look_for_people(python: Path) -> None:
    with running(python, "KEPT = [bytes(i % 7) for i in range(9)]") as pid:
        done = subprocess.run(
            [sys.executable, "-m", "leakhunt", "top", str(pid), "--once", "--top", "3"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f" process {pid}  ")
    assert "more types" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_process_that_is_not_there_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "top", "4194300"], capture_output=True, check=False
    )
    assert done.returncode == 3
    assert b"hint:" in done.stderr


def test_totals_count_every_object_once() -> None:
    heap = Heap()
    keep = heap.list()
    for size in (100, 300):
        keep.append(heap.object("shop.Order", size))
    heap.module("shop", KEEP=keep)
    columns = heap.snap()
    totals = totals_by_type(columns)
    assert totals["shop.Order"] == TypeTotal(2, 400)
    assert sum(one.count for one in totals.values()) == columns.heap_count


def test_a_type_that_is_gone_has_a_negative_rate() -> None:
    (row,) = rows_of({"a.B": TypeTotal(4, 400)}, {}, 30.0)
    assert (row.count, row.count_per_min, row.bytes_per_min) == (0, -8.0, -800.0)
