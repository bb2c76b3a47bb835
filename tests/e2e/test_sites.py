"""Where it was made: a hunt that samples allocations names the line, and exports draw it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.analysis.call_tree import walk
from leakhunt.analysis.sites import SiteBasis
from leakhunt.cli import main
from leakhunt.hunt import LiveOptions, hunt_live
from leakhunt.hunt.sites import site_tree
from leakhunt.report.schema import load_schema
from tests.e2e.servers import SERVERS, Server, ask, free_port, load_line

pytestmark = pytest.mark.e2e

SCENARIO = """
import json

class Order:
    def __init__(self, text):
        self.lines = json.loads(text)

    def tick(self):
        pass

ORDERS, NOTES = [], []
TEXT = json.dumps([str(i) * 40 for i in range(20)])

def cycle(i):
    ORDERS.append(Order(TEXT))
    NOTES.append(bytes(3000))
"""
LOADS = 1 + SCENARIO.splitlines().index("        self.lines = json.loads(text)")
NOTES = 1 + SCENARIO.splitlines().index("    NOTES.append(bytes(3000))")
CYCLES = 300


def hunted(
    folder: Path, python: Path, capsys: pytest.CaptureFixture[str], *options: str, text: str = ""
) -> dict[str, Any]:
    scenario = folder / "orders.py"
    scenario.write_text(text or SCENARIO)
    words = ("--scenario", str(scenario), "--cycles", str(CYCLES), "--python", str(python))
    assert main(["hunt", *words, *options, "--save", str(folder / "saved"), "--json"]) == 1
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema()).validate(report)
    assert report["errors"] == []
    return report


def finding(report: dict[str, Any], path: str) -> dict[str, Any]:
    (found,) = [one for one in report["findings"] if one["holder"]["path"] == path]
    return dict(found)


def test_the_line_in_own_code_and_the_library_call_below_it(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = hunted(tmp_path, python, capsys, "--sites=4096")
    notes = finding(report, "orders.NOTES")["sites"][0]
    assert (notes["basis"], notes["line"], notes["function"]) == ("sampled", NOTES, "cycle")
    assert notes["callee"] is None
    # Five standard deviations: the interval itself is right in 95 of 100 runs only.
    assert notes["bytes"]["value"] == pytest.approx(CYCLES * 3033, rel=0.3)
    assert notes["count"]["value"] == pytest.approx(CYCLES, rel=0.3)
    assert notes["bytes"]["low"] < notes["bytes"]["value"] < notes["bytes"]["high"]
    orders = finding(report, "orders.ORDERS")
    site = orders["sites"][0]
    assert (site["line"], site["function"]) == (LOADS, "Order.__init__")
    assert site["callee"]["function"] == "loads"
    assert site["callee"]["file"].endswith("json/__init__.py")
    assert [frame["function"] for frame in site["stack"]][-2:] == ["Order.__init__", "cycle"]
    assert f"orders.py:{LOADS}` calling `loads`." in orders["title"]


def test_sites_are_tabulated_and_exported(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hunted(tmp_path, python, capsys, "--sites=4096")
    saved = str(tmp_path / "saved")
    assert main(["sites", saved, "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema(name="sites")).validate(table)
    assert (table["snapshots"], table["sample_bytes"]) == (["baseline", "loaded", "final"], 4096)
    by_line = {site["line"]: site for site in table["sites"]}
    assert by_line[NOTES]["snapshots"][0] is None
    assert by_line[NOTES]["snapshots"][2]["bytes"]["value"] > CYCLES * 2000
    assert main(["sites", saved]) == 0
    assert f"orders.py:{LOADS}inOrder" in "".join(capsys.readouterr().out.split())
    for file_format in ("folded", "speedscope", "heapprofile", "flamegraph"):
        target = tmp_path / f"out.{file_format}"
        assert main(["export", saved, "--format", file_format, "-o", str(target)]) == 0
        assert b"Order.__init__" in target.read_bytes()
        assert target.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert main(["export", saved, "--format", "folded"]) == 0
    assert capsys.readouterr().out.count(f"orders.py:{NOTES}") == 1


LOST = """
import ctypes, gc

gc.disable()

class Node:
    pass

def lost():
    kept = bytes(3000)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))

def ring():
    node = Node()
    node.data = bytearray(4000)
    node.me = node

def cycle(i):
    lost()
    ring()
"""


def test_what_nobody_holds_has_its_lines_too(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = hunted(tmp_path, python, capsys, "--sites=1024", text=LOST)
    functions = {
        one["category"]: [site["function"] for site in one["sites"]]
        for one in report["findings"]
        if one["verdict"] != "NOT"
    }
    assert functions["native"][0] == "lost"
    assert functions["cycle"][0] == "ring"


def test_the_tree_of_calls_splits_what_is_live(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hunted(tmp_path, python, capsys, "--sites=4096")
    live = site_tree([tmp_path / "saved"])
    assert (live.labels, live.sample_bytes) == (("baseline", "loaded", "final"), 4096)
    for call in walk(live.root):
        below = sum(callee.total_bytes for callee in call.callees.values())
        assert call.total_bytes == pytest.approx(call.bytes + below)
        assert call.bytes_by_label["final"] == pytest.approx(call.total_bytes)
    grown = site_tree([tmp_path / "saved"], measure="growth").root
    assert 0 < grown.total_bytes <= live.root.total_bytes
    notes = next(call for call in walk(grown) if call.frame and call.frame.line == NOTES)
    assert notes.total_bytes > CYCLES * 2000


def test_without_sampling_the_class_is_named_and_the_rest_refused(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = hunted(tmp_path, python, capsys, "--no-sites")
    (site,) = finding(report, "orders.ORDERS")["sites"]
    assert (site["basis"], site["function"], site["type"]) == (
        "class", "Order.__init__", "orders.Order",
    )  # fmt: skip
    for command in (["sites"], ["export", "--format", "folded"]):
        assert main([*command, str(tmp_path / "saved")]) == 2
        assert "hint: hunt without --no-sites" in capsys.readouterr().err


def test_the_traces_of_a_program_that_traces_itself_are_told(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"import tracemalloc\ntracemalloc.start()\n{SCENARIO}"
    report = hunted(tmp_path, python, capsys, "--sites", text=text)
    assert any("exact traces are told" in note for note in report["notes"])
    notes = finding(report, "orders.NOTES")["sites"][0]
    at = 1 + text.splitlines().index("    NOTES.append(bytes(3000))")
    assert (notes["basis"], notes["line"], notes["function"]) == ("exact", at, "?")
    assert notes["count"] == {"value": CYCLES, "low": CYCLES, "high": CYCLES}
    assert notes["bytes"]["value"] == CYCLES * 3033
    assert f"made at `{notes['file']}:{at}`" in finding(report, "orders.NOTES")["title"]
    assert main(["sites", str(tmp_path / "saved")]) == 0
    assert "exact: traces" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["--sites=x", "--sites=-1", f"--sites={1 << 41}"])
def test_impossible_distances_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    scenario = tmp_path / "orders.py"
    scenario.write_text(SCENARIO)
    assert main(["hunt", "--scenario", str(scenario), wrong]) == 2
    assert "error:" in capsys.readouterr().err.lower()


def test_a_live_process_is_sampled_and_left_as_it_was(python: Path) -> None:
    port = free_port()
    with Server([python, "-I", SERVERS / "plain_http.py", str(port)], port) as server:
        before = (server.descriptors, server.threads)
        options = LiveOptions(pid=server.pid, load=load_line(port, 200), sites=1024)
        report = hunt_live(options)
        assert (server.descriptors, server.threads) == before
        assert ask(port) == 200
    assert report.errors == ()
    assert [one.kind for one in report.interventions if "start" in one.kind] == [
        "sites_start", "birth_start",
    ]  # fmt: skip
    assert not any("not left as it was" in note for note in report.notes)
    (found,) = [one for one in report.findings if one.holder.path == "visits.VISITS"]
    assert found.sites[0].basis is SiteBasis.SAMPLED
    assert Path(found.sites[0].line.file).name == "visits.py"
    assert "made at" in found.title
