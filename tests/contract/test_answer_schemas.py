"""``--json`` of the commands about one snapshot: sound schemas that what we write obeys."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from leakhunt.report.schema import load_schema
from leakhunt.report.whatif_json import whatif_to_dict
from leakhunt.report.whatif_model import WHATIF_SCHEMA
from tests.contract.test_report_schema import _objects
from tests.golden.sample_answers import WHATIFS, nasty_answer
from tests.nasty_names import NASTY_NAMES

WHATIF = load_schema(name="whatif")


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(WHATIF)
    assert WHATIF["properties"]["schema"]["const"] == WHATIF_SCHEMA


@pytest.mark.parametrize("name", WHATIFS)
def test_answers_obey_it(name: str) -> None:
    Draft202012Validator(WHATIF).validate(whatif_to_dict(WHATIFS[name]))


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_answers_with_nasty_names_obey_it(name: str) -> None:
    Draft202012Validator(WHATIF).validate(whatif_to_dict(nasty_answer(name)))


@pytest.mark.parametrize("place", range(len(_objects(WHATIF))))
def test_every_object_is_closed_and_whole(place: int) -> None:
    _, schema = _objects(WHATIF)[place]
    if "properties" in schema:
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
