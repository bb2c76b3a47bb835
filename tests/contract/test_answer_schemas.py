"""``--json`` of the commands about one snapshot: sound schemas that what we write obeys."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.report.bill_model import BILL_SCHEMA, BillReport, bill_to_dict
from leakhunt.report.doctor_model import DOCTOR_SCHEMA, doctor_to_dict
from leakhunt.report.heap_model import HEAP_SCHEMA, heap_to_dict
from leakhunt.report.paths_model import PATHS_SCHEMA, paths_to_dict
from leakhunt.report.schema import load_schema
from leakhunt.report.sites_model import SITES_SCHEMA, sites_to_dict
from leakhunt.report.suite_json import (
    SUITE_SCHEMA,
    suite_from_json,
    suite_to_dict,
    suite_to_json,
)
from leakhunt.report.suite_model import SuiteReport
from leakhunt.report.watched_test import Left, Outcome, WatchedTest
from leakhunt.report.whatif_json import whatif_to_dict
from leakhunt.report.whatif_model import WHATIF_SCHEMA
from tests.contract.test_report_schema import _objects
from tests.golden.sample_answers import (
    BILL_ANSWERS,
    DOCTOR,
    HEAPS,
    PATHS,
    SITES,
    WHATIFS,
    nasty_answer,
    nasty_heap,
    nasty_paths,
    nasty_sites,
)
from tests.golden.sample_reports import nasty_report
from tests.nasty_names import NASTY_NAMES

SCHEMAS = {
    name: load_schema(name=name) for name in ("whatif", "paths", "heap", "sites", "bill", "doctor")
}
each_nasty = pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))


def obeys(value: dict[str, Any], name: str) -> None:
    Draft202012Validator(SCHEMAS[name]).validate(value)


def test_the_schemas_are_schemas() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    assert SCHEMAS["whatif"]["properties"]["schema"]["const"] == WHATIF_SCHEMA
    assert SCHEMAS["paths"]["properties"]["schema"]["const"] == PATHS_SCHEMA
    assert SCHEMAS["heap"]["properties"]["schema"]["const"] == HEAP_SCHEMA
    assert SCHEMAS["sites"]["properties"]["schema"]["const"] == SITES_SCHEMA
    assert SCHEMAS["bill"]["properties"]["schema"]["const"] == BILL_SCHEMA


def test_red_flags_obey_it() -> None:
    assert SCHEMAS["doctor"]["properties"]["schema"]["const"] == DOCTOR_SCHEMA
    obeys(doctor_to_dict(DOCTOR), "doctor")


@pytest.mark.parametrize("answer", BILL_ANSWERS)
def test_bills_obey_it(answer: BillReport) -> None:
    obeys(bill_to_dict(answer), "bill")


def test_a_bill_is_the_same_here_and_in_reports() -> None:
    assert SCHEMAS["bill"]["$defs"]["bill"] == load_schema()["$defs"]["bill"]


@pytest.mark.parametrize("name", WHATIFS)
def test_consequences_obey_it(name: str) -> None:
    obeys(whatif_to_dict(WHATIFS[name]), "whatif")


@pytest.mark.parametrize("name", PATHS)
def test_paths_obey_it(name: str) -> None:
    obeys(paths_to_dict(PATHS[name]), "paths")


@pytest.mark.parametrize("name", HEAPS)
def test_heaps_obey_it(name: str) -> None:
    obeys(heap_to_dict(HEAPS[name]), "heap")


@each_nasty
def test_answers_with_nasty_names_obey_it(name: str) -> None:
    obeys(whatif_to_dict(nasty_answer(name)), "whatif")
    obeys(paths_to_dict(nasty_paths(name)), "paths")
    obeys(heap_to_dict(nasty_heap(name)), "heap")
    obeys(sites_to_dict(nasty_sites(name)), "sites")


def test_sites_obey_it() -> None:
    obeys(sites_to_dict(SITES), "sites")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_object_is_closed_and_whole(name: str) -> None:
    for place, schema in _objects(SCHEMAS[name]):
        assert schema["additionalProperties"] is False, place
        assert schema["required"] == list(schema["properties"]), place


def test_the_schema_of_watched_suites_shares_the_findings() -> None:
    schema = load_schema(name="pytest")
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"]["const"] == SUITE_SCHEMA
    assert schema["$defs"]["finding"] == load_schema()["$defs"]["finding"]
    assert schema["$defs"]["test"]["properties"]["outcome"]["enum"] == [str(one) for one in Outcome]


@each_nasty
def test_watched_suites_obey_it(name: str) -> None:
    findings = nasty_report(name).findings
    left = Left(type=name, count=1, bytes=56, holder=name)
    test = WatchedTest(
        name, Outcome.LEAK, name, 3, objects=1, blocks=-2, cycles=20, findings=findings,
        left=(left,), notes=(name,),
    )  # fmt: skip
    report = SuiteReport(watched=1, tests=(test,), notes=(name,))
    Draft202012Validator(load_schema(name="pytest")).validate(suite_to_dict(report))
    assert suite_to_json(suite_from_json(suite_to_json(report))) == suite_to_json(report)
