"""Rules of users: from files and entry points, asked first, harmless when broken."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from leakhunt.detectors.base import Category
from leakhunt.detectors.investigate import CaseSnapshots, Investigation, investigate
from leakhunt.detectors.rules import Rules
from leakhunt.errors import UsageError
from leakhunt.hunt.rules import load_rules
from tests.builders import Heap

HEAD = "from leakhunt.detectors.rules import Category, Claim, Kind, Registry, Spot\n"
KIND = "ROWS = [Kind(Category.STREAM, frozenset({'shop.Cursor'}), 'Call {owner}.release().')]\n"
REGISTRY = (
    "ROWS = [Registry(Category.LISTENER, frozenset({'shop.Owner'}), ('.things',), 'off {key}')]\n"
)
SPOT = "ROWS = [Spot(Category.LOG, ('app.OWNER',), 'Write {path} out.', noun='Old news')]\n"
EXAMINE = "def examine(s):\n    return Claim(Category.TIMER, s.path) if s.path else None\n"


def rules_of(tmp_path: Path, *texts: str) -> Rules:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"rules{number}.py")
        paths[-1].write_text(HEAD + text)
    return load_rules(paths)


def leaky(rules: Rules) -> Investigation:
    heap = Heap()
    things = heap.list()
    heap.module("app", OWNER=heap.object("shop.Owner").set(things=things))
    before = heap.snap("baseline")
    for _ in range(30):
        things.append(heap.object("shop.Cursor"))
    return investigate(CaseSnapshots(before, heap.snap("final"), cycles=30), rules)


@pytest.mark.parametrize(
    ("text", "category", "advice"),
    [
        (KIND, Category.STREAM, "Call app.OWNER.release()."),
        (REGISTRY, Category.LISTENER, "off ..."),
        (SPOT, Category.LOG, "Write app.OWNER.things out."),
        (EXAMINE, Category.TIMER, "app.OWNER.things"),
        (SPOT + EXAMINE, Category.TIMER, "app.OWNER.things"),
    ],
)
def test_rules_decide(tmp_path: Path, text: str, category: Category, advice: str) -> None:
    (finding,) = leaky(rules_of(tmp_path, text)).findings
    assert (finding.category, finding.advice) == (category, advice)


def test_a_noun_of_its_own(tmp_path: Path) -> None:
    (finding,) = leaky(rules_of(tmp_path, SPOT)).findings
    assert finding.title.startswith("Old news: ")


def test_the_first_file_wins(tmp_path: Path) -> None:
    (finding,) = leaky(rules_of(tmp_path, KIND, SPOT)).findings
    assert finding.category is Category.STREAM


@pytest.mark.parametrize(
    "body", ["raise ValueError('no')", "return 7", "return s.nonsense", "assert False"]
)
def test_a_broken_detector_is_left_out_and_said(tmp_path: Path, body: str) -> None:
    result = leaky(rules_of(tmp_path, f"def examine(s):\n    {body}\n"))
    assert result.findings[0].category is Category.COLLECTION
    assert any("rules0.py were left out" in note for note in result.notes)


@pytest.mark.parametrize(
    "text", ["", "ROWS = 7\n", "ROWS = [7]\n", "examine = 7\n", "1 / 0\n", "def broken(:\n"]
)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"rules0\.py"):
        rules_of(tmp_path, text)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no rules file"):
        load_rules([tmp_path / "none.py"])


def test_installed_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint(
        "shop", "leakhunt.detectors.collection:examine", "leakhunt.detectors"
    )
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point])
    assert [one.name for one in load_rules().detectors] == [f"shop ({point.value})"]


def test_installed_rules_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("shop", "no.such.module", "leakhunt.detectors")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point])
    with pytest.raises(UsageError, match="'shop'"):
        load_rules()
