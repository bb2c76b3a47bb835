"""Allocation stacks in the formats of other tools, each read back strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from leakhunt.analysis.call_tree import WeighedStack, call_tree, walk
from leakhunt.analysis.code_line import CodeLine
from leakhunt.interop.stacks.formats import STACK_FORMATS, stacks_to_bytes
from tests.nasty_names import NASTY_NAMES

MAIN = CodeLine("main", "/app/app.py", 10)
SESSION = CodeLine("Session.__init__", "/app/shop.py", 14)
DUMPS = CodeLine("dumps", "/usr/lib/python3.12/json/__init__.py", 231)
NOWHERE = CodeLine("<genexpr>", "<string>", None)

STACKS = (
    WeighedStack((DUMPS, SESSION, MAIN), 3000.4, 3.0, 2),
    WeighedStack((SESSION, MAIN), 2000.0, 2.0, 1),
    WeighedStack((NOWHERE, MAIN), 1000.0, 10.0, 1),
    WeighedStack((), 500.0, 1.0, 1),
)
TOTAL = 6500


def written(stacks: tuple[WeighedStack, ...], file_format: str) -> bytes:
    return stacks_to_bytes(stacks, file_format, name="final.lkheap", exporter="leakhunt 1")


def test_the_tree_sums_what_is_below() -> None:
    root = call_tree(STACKS)
    found = {c.frame: (c.bytes, c.total_bytes) for c in walk(root) if c.frame is not None}
    assert found[MAIN] == pytest.approx((0.0, 6000.4))
    assert found[SESSION] == pytest.approx((2000.0, 5000.4))
    assert root.total_bytes == pytest.approx(6500.4)


def test_folded_lines_lead_from_the_outermost_frame_to_a_number() -> None:
    assert written(STACKS, "folded").decode().splitlines() == [
        (
            "main (/app/app.py:10);Session.__init__ (/app/shop.py:14);"
            "dumps (/usr/lib/python3.12/json/__init__.py:231) 3000"
        ),
        "main (/app/app.py:10);Session.__init__ (/app/shop.py:14) 2000",
        "main (/app/app.py:10);<genexpr> (<string>) 1000",
        "not known: C code, or from a free list 500",
    ]


def test_equal_folded_stacks_are_one_line() -> None:
    assert written((STACKS[1], STACKS[1]), "folded").decode().endswith(" 4000\n")


def test_speedscope_frames_are_shared_and_weights_add_up() -> None:
    value = json.loads(written(STACKS, "speedscope"))
    (profile,) = value["profiles"]
    frames = value["shared"]["frames"]
    assert value["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert (profile["type"], profile["unit"]) == ("sampled", "bytes")
    assert profile["endValue"] == sum(profile["weights"]) == TOTAL
    assert len(profile["samples"]) == len(profile["weights"]) == len(STACKS)
    assert [frames[i]["name"] for i in profile["samples"][0]] == [
        "main", "Session.__init__", "dumps",
    ]  # fmt: skip
    assert frames[profile["samples"][0][0]] == {"name": "main", "file": "/app/app.py", "line": 10}
    assert len(set(map(json.dumps, frames))) == len(frames)
    assert all(0 <= i < len(frames) for sample in profile["samples"] for i in sample)
    assert all(sample for sample in profile["samples"])


def _calls(head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    queue = [head]
    while queue:
        call = queue.pop()
        assert set(call) == {"callFrame", "selfSize", "id", "children"}
        assert set(call["callFrame"]) == {
            "functionName", "scriptId", "url", "lineNumber", "columnNumber",
        }  # fmt: skip
        assert isinstance(call["callFrame"]["scriptId"], str)
        yield call
        queue += call["children"]


def test_heapprofile_is_what_the_devtools_protocol_says() -> None:
    value = json.loads(written(STACKS, "heapprofile"))
    assert set(value) == {"head", "samples"}
    calls = list(_calls(value["head"]))
    by_id = {call["id"]: call for call in calls}
    assert len(by_id) == len(calls) == 6
    assert value["head"]["callFrame"]["functionName"] == "(root)"
    assert sum(call["selfSize"] for call in calls) == TOTAL
    assert all(by_id[s["nodeId"]]["selfSize"] == s["size"] for s in value["samples"])
    assert len({s["ordinal"] for s in value["samples"]}) == len(value["samples"]) == 4
    dumps = next(call for call in calls if call["callFrame"]["functionName"] == "dumps")
    assert dumps["callFrame"]["lineNumber"] == 230  # counted from 0
    assert dumps["callFrame"]["url"] == DUMPS.file


def test_scripts_of_a_heapprofile_are_one_for_each_file() -> None:
    calls = list(_calls(json.loads(written(STACKS, "heapprofile"))["head"]))
    scripts = {(c["callFrame"]["scriptId"], c["callFrame"]["url"]) for c in calls}
    assert len({script for script, _ in scripts}) == len(scripts) == 6


def _boxes(svg: bytes) -> list[tuple[str, float, float, float]]:
    names = {"": "http://www.w3.org/2000/svg"}
    found = []
    for group in ET.fromstring(svg).iterfind("g", names):
        box, title = group.find("rect", names), group.find("title", names)
        assert box is not None
        assert title is not None
        x, y, width = (float(box.attrib[name]) for name in ("x", "y", "width"))
        found.append((title.text or "", x, y, width))
    return found


def test_a_flame_graph_draws_each_call_as_wide_as_its_bytes() -> None:
    boxes = _boxes(written(STACKS, "flamegraph"))
    (whole,) = [box for box in boxes if box[0].startswith("all:")]
    (session,) = [box for box in boxes if box[0].startswith("Session.__init__")]
    (main,) = [box for box in boxes if box[0].startswith("main")]
    assert len(boxes) == 6
    assert session[3] / whole[3] == pytest.approx(5000.4 / 6500.4, abs=0.002)
    assert main[2] < session[2]
    assert main[1] <= session[1]
    assert session[1] + session[3] <= main[1] + main[3] + 0.01
    assert "/app/shop.py:14" in session[0]
    assert "76.9%" in session[0]


@pytest.mark.parametrize("file_format", STACK_FORMATS)
def test_nothing_sampled_is_an_empty_file_of_the_format(file_format: str) -> None:
    data = written((), file_format)
    if file_format == "flamegraph":
        assert _boxes(data) == []
    elif file_format != "folded":
        assert json.loads(data)
    else:
        assert data == b""


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_hostile_names_break_no_format(name: str) -> None:
    frame = CodeLine(name, name, 1)
    stacks = (WeighedStack((frame, MAIN), 100.0, 1.0, 1),)
    folded = written(stacks, "folded").decode("utf-8")
    assert folded.count("\n") == 1
    assert folded.count(";") == 1
    assert folded.endswith(" 100\n")
    assert len(json.loads(written(stacks, "speedscope"))["shared"]["frames"]) == 2
    assert len(list(_calls(json.loads(written(stacks, "heapprofile"))["head"]))) == 3
    assert len(_boxes(written(stacks, "flamegraph"))) == 3


@pytest.mark.parametrize("file_format", STACK_FORMATS)
def test_a_very_deep_stack_needs_no_recursion(file_format: str) -> None:
    frames = tuple(CodeLine(f"f{i}", "/app/deep.py", i) for i in range(5000))
    assert written((WeighedStack(frames, 100.0, 1.0, 1),), file_format)
