"""``--json`` keeps its word: the schema is sound, strict, and what we write obeys it."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.cli import main
from leakhunt.detectors.base import Category, Verdict
from leakhunt.detectors.verification import Status
from leakhunt.report.json_report import to_dict
from leakhunt.report.schema import SCHEMA, load_schema
from leakhunt.report.verify_json import to_dict as verification_to_dict
from leakhunt.report.waste_json import waste_to_json
from tests.golden.sample_reports import ALL, LEAKY, VERIFICATION, WASTE, nasty_report
from tests.nasty_names import NASTY_NAMES

REPORT_SCHEMA = load_schema()
VALIDATOR = Draft202012Validator(REPORT_SCHEMA)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(REPORT_SCHEMA)
    assert REPORT_SCHEMA["properties"]["schema"]["const"] == SCHEMA


def test_the_schema_is_shipped_beside_the_code() -> None:
    assert (files("leakhunt.report.schema") / "report-1.json").is_file()


@pytest.mark.parametrize("name", ALL)
def test_reports_obey_the_schema(name: str) -> None:
    VALIDATOR.validate(to_dict(ALL[name]))


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_reports_with_nasty_names_obey_the_schema(name: str) -> None:
    VALIDATOR.validate(to_dict(nasty_report(name)))


def test_the_words_are_the_programs_words() -> None:
    definitions = REPORT_SCHEMA["$defs"]
    assert definitions["verdict"]["enum"] == [str(verdict) for verdict in Verdict]
    assert definitions["finding"]["properties"]["category"]["enum"] == [
        str(category) for category in Category
    ]


def _objects(schema: Any, place: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = []
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            found.append((place, schema))
        for name, part in schema.items():
            found += _objects(part, f"{place}/{name}")
    return found


OPEN = (
    "/properties/target",
    "/properties/timings_ns",
    "/$defs/load_run/properties/latency_ns",
)
"""Members whose names are free."""


@pytest.mark.parametrize(("place", "schema"), _objects(REPORT_SCHEMA), ids=lambda v: str(v)[:60])
def test_every_object_is_closed_and_whole(place: str, schema: dict[str, Any]) -> None:
    if place in OPEN:
        return
    assert schema["additionalProperties"] is False
    if place != "/properties/memory":
        assert schema["required"] == list(schema["properties"])


@pytest.mark.parametrize(
    "path",
    [
        (), ("identity",), ("rate",), ("memory",), ("snapshots", 0), ("growth", 0),
        ("growth", 0, "count"), ("findings", 0), ("findings", 0, "holder"),
        ("findings", 0, "holder", "size"), ("findings", 0, "leaked", 0),
        ("findings", 0, "per_cycle"), ("findings", 0, "retaining_path", 0),
    ],
    ids=str,
)  # fmt: skip
def test_unknown_members_are_refused(path: tuple[str | int, ...]) -> None:
    value: Any = copy.deepcopy(to_dict(LEAKY))
    VALIDATOR.validate(value)
    place = value
    for name in path:
        place = place[name]
    place["surprise"] = 1
    assert not VALIDATOR.is_valid(value)


@pytest.mark.parametrize(
    ("path", "bad"),
    [
        (("verdict",), "MAYBE"),
        (("schema",), "leakhunt.report/2"),
        (("cycles",), -1),
        (("findings", 0, "confidence"), 1.5),
        (("findings", 0, "fingerprint"), "xyz"),
        (("findings", 0, "category"), "gremlin"),
        (("findings", 0, "retained_bytes"), "20 MiB"),
        (("growth", 0, "born"), -1),
    ],
    ids=str,
)
def test_bad_values_are_refused(path: tuple[str | int, ...], bad: object) -> None:
    value: Any = copy.deepcopy(to_dict(LEAKY))
    place = value
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = bad
    assert not VALIDATOR.is_valid(value)


# --- what real commands print ----------------------------------------------------------------

SCENARIO = "HELD = []\ndef cycle(i):\n    HELD.append([i])\n"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of a command."""
    code = main([*arguments, "--json"])
    out, err = capsys.readouterr()
    assert err == ""
    value: dict[str, Any] = json.loads(out)
    VALIDATOR.validate(value)
    return code, value


def test_a_hunt_and_its_diffs_obey_the_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, kept = tmp_path / "leaky.py", tmp_path / "kept"
    scenario.write_text(SCENARIO)
    code, report = printed(
        capsys, "hunt", "--scenario", str(scenario), "--cycles", "60", "--save", str(kept)
    )
    assert (code, report["verdict"], report["errors"]) == (1, "LEAK", [])
    VALIDATOR.validate(json.loads((kept / "report.json").read_text("utf-8")))
    holders = {finding["holder"]["path"] for finding in report["findings"]}
    assert "leaky.HELD" in holders
    files = [str(kept / f"{label}.lkheap") for label in ("baseline", "loaded", "final")]
    code, again = printed(capsys, "diff", *files, "--cycles", "60")
    assert (code, again["verdict"]) == (1, "LEAK")
    for member in ("identity", "findings", "growth", "rate", "cycles"):
        assert again[member] == report[member], member
    (kept / "window.lkheap").unlink()
    code, alone = printed(capsys, "diff", *files, "--cycles", "60")
    assert (code, alone["verdict"], alone["identity"]["exact"]) == (0, "SUSPECT", False)
    code, pair = printed(capsys, "diff", files[0], files[2])
    assert (code, pair["verdict"], pair["cycles"]) == (0, "SUSPECT", None)


def test_a_partial_hunt_obeys_the_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "failing.py"
    for cycle, labels in ((30, ["baseline", "loaded", "final"]), (25, None)):
        end = "raise OSError('gone')" if labels else "os._exit(7)"
        scenario.write_text(f"import os\ndef cycle(i):\n    if i == {cycle}: {end}\n")
        code, report = printed(capsys, "hunt", "--scenario", str(scenario), "--cycles", "60")
        assert code == 3
        assert len(report["errors"]) == 1
        assert [one["label"] for one in report["snapshots"]] == (labels or ["baseline"])


@pytest.mark.parametrize("kind", ["trend", "waste"])
def test_a_part_is_the_same_in_a_report_and_alone(kind: str) -> None:
    alone = load_schema(name=kind)
    Draft202012Validator.check_schema(alone)
    for name, definition in alone["$defs"].items():
        assert REPORT_SCHEMA["$defs"][name] == definition, name


def test_a_verification_obeys_its_schema() -> None:
    schema = load_schema(name="verify")
    Draft202012Validator.check_schema(schema)
    value = verification_to_dict(VERIFICATION)
    Draft202012Validator(schema).validate(value)
    VALIDATOR.validate(value["report"])
    statuses = schema["$defs"]["change"]["properties"]["status"]["enum"]
    assert statuses == [str(status) for status in Status]
    for place, part in _objects(schema):
        if place != "/properties/report":
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])


def test_waste_obeys_its_schema() -> None:
    value = json.loads(waste_to_json(WASTE, "final.lkheap"))
    Draft202012Validator(load_schema(name="waste")).validate(value)
