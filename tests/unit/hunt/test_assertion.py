"""Tests that are written for findings: they parse, say what they mean, and hurt nobody's file."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.assertion import write_assertion
from leakhunt.report.escape import escape
from leakhunt.report.json_report import to_json
from leakhunt.report.model import Report
from tests.golden.sample_reports import LEAKY, LISTENER, LIVE
from tests.nasty_names import NASTY_NAMES

PLAIN = "def setup(): pass\ndef cycle(i): pass\ndef teardown(): pass\n"
ASYNC = "async def setup(): pass\nasync def cycle(i): pass\ndef teardown(): pass\n"


def hunted(folder: Path, source: str, report: Report = LEAKY) -> Report:
    path = folder / "checkout.py"
    path.write_text(source)
    return replace(report, target={**report.target, "scenario": str(path)})


def mark_of(text: str) -> dict[str, Any]:
    """The arguments of the marker."""
    (test,) = (n for n in ast.parse(text).body if getattr(n, "name", "").startswith("test_"))
    assert isinstance(test, ast.FunctionDef)
    (call,) = test.decorator_list
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "pytest.mark.leakhunt"
    return {word.arg or "": ast.literal_eval(word.value) for word in call.keywords}


def calls_of(text: str) -> list[str]:
    return [ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]


def test_of_a_scenario(tmp_path: Path) -> None:
    written = write_assertion(hunted(tmp_path, PLAIN), beside=tmp_path / "tests/test_x.py")
    assert written.is_complete
    assert written.name == "test_shop_bus_bus_listeners_tick_does_not_grow.py"
    calls = calls_of(written.text)
    assert "scenario.cycle(next(numbers))" in calls
    assert calls.index("scenario.setup()") < calls.index("scenario.teardown()")
    assert "str((Path(__file__).parent / '..').resolve())" in calls
    assert "importlib.import_module('checkout')" in calls
    assert mark_of(written.text) == {"cycles": 20, "types": ["shop.bus.BUS.listeners['tick']"]}


def test_of_coroutine_functions(tmp_path: Path) -> None:
    calls = calls_of(write_assertion(hunted(tmp_path, ASYNC)).text)
    assert "run(scenario.cycle(next(numbers)))" in calls
    assert "run(scenario.setup())" in calls
    assert "scenario.teardown()" in calls
    assert "run(scenario.teardown())" not in calls
    assert f"sys.path.insert(0, {str(tmp_path)!r})" in calls


def test_its_own_type_is_judged_before_the_holder() -> None:
    finding = replace(LISTENER, title="+1 `shop.Session` per cycle, held by `shop.bus.BUS`")
    text = write_assertion(replace(LEAKY, findings=(finding,))).text
    assert mark_of(text)["types"] == ["shop.Session"]
    garbage = replace(LISTENER, holder=replace(LISTENER.holder, path="<garbage>"), title="garbage")
    assert "types" not in mark_of(write_assertion(replace(LEAKY, findings=(garbage,))).text)


@pytest.mark.parametrize(
    ("rate", "cycles"), [(None, 20), (0.0, 20), (1.0, 20), (0.1, 50), (0.001, 500)]
)
def test_enough_cycles(rate: float | None, cycles: int) -> None:
    report = replace(LEAKY, findings=(replace(LISTENER, count_per_cycle=rate),))
    assert mark_of(write_assertion(report).text)["cycles"] == cycles


def test_a_live_hunt_leaves_the_cycle_to_a_person() -> None:
    written = write_assertion(LIVE)
    assert not written.is_complete
    assert LIVE.load is not None
    assert any(
        call.startswith("pytest.skip(") and str(LIVE.load.command) in call
        for call in calls_of(written.text)
    )


@pytest.mark.parametrize("source", ["", "def cycle(: pass", "x = 1", "\x00"])
def test_a_scenario_that_says_nothing(tmp_path: Path, source: str) -> None:
    assert not write_assertion(hunted(tmp_path, source)).is_complete


def test_a_scenario_is_never_run(tmp_path: Path) -> None:
    source = f"{PLAIN}\nopen({str(tmp_path / 'ran')!r}, 'w')\n"
    assert write_assertion(hunted(tmp_path, source)).is_complete
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_names_are_literals(tmp_path: Path, name: str) -> None:
    finding = replace(
        LISTENER, title=f'{name}"""', holder=replace(LISTENER.holder, path=name), fingerprint="ab"
    )
    text = write_assertion(hunted(tmp_path, PLAIN, replace(LEAKY, findings=(finding,)))).text
    assert all(line.isprintable() for line in text.rstrip("\n").split("\n"))
    document = ast.get_docstring(ast.parse(text))
    assert document is not None
    shown = escape(name).strip()
    assert "".join(shown.split()) in "".join(document.split())
    if name and not name.startswith("<"):
        assert mark_of(text)["types"] == [name]


def test_it_is_saved_once(tmp_path: Path) -> None:
    written = write_assertion(hunted(tmp_path, PLAIN))
    path = tmp_path / written.name
    written.save(path)
    assert path.read_text("utf-8") == written.text
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("edited")
    with pytest.raises(UsageError, match="may have been edited"):
        written.save(path)
    assert path.read_text() == "edited"
    with pytest.raises(LeakhuntError, match="cannot be written"):
        written.save(tmp_path / "no" / "test_x.py")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, output = tmp_path / "report.json", tmp_path / "test_x.py"
    report.write_text(to_json(hunted(tmp_path, PLAIN)))
    assert main(["assertion", str(report)]) == 0
    assert "def test_shop_bus_bus_listeners_tick_does_not_grow():" in capsys.readouterr().out
    assert main(["assertion", str(report), "--finding", "77aa01bc", "-o", str(output)]) == 0
    assert capsys.readouterr().err == f"{output}: a test for finding 77aa01bc\n"
    assert "PRICES" in output.read_text()
    assert main(["assertion", str(report), "--finding", "99"]) == 2
    assert "the hunt has no finding '99'" in capsys.readouterr().err
    assert main(["assertion", str(report), "-o", str(output)]) == 2
    assert "is there already" in capsys.readouterr().err
