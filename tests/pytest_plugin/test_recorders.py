"""Installed plugins keep records of each test: nobody suspects a test for that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.pytest_plugin.conftest import Suite, words

CONFIRM = ("--leakhunt-confirm", "--leakhunt-report", "report.json")

RECORDER = '''
"""Keeps records as pytest-html, allure-pytest and pytest-json-report do."""

import pytest
from collections import OrderedDict, defaultdict


class Label:
    def __init__(self, text):
        self.text = text


class Results:
    table = defaultdict(OrderedDict)  # one for all

    def enter(self, test, when):
        self.table["main"].setdefault(test, []).append(Label(when))


class Report:
    def __init__(self):
        self.results = Results()
        self.data = {"tests": defaultdict(list)}

    def add(self, report):
        row = {"cells": [f"<td>{report.nodeid}</td>", f"<td>{report.when}</td>"], "extras": []}
        self.data["tests"][report.nodeid].append(row)


class Recorder:
    def __init__(self):
        self.report = Report()

    def pytest_runtest_logreport(self, report):
        self.report.add(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        item._extra = {}
        result = yield
        del item._extra
        return result

    def pytest_runtest_setup(self, item):
        item._extra["setup"] = [item.nodeid]
        self.report.results.enter(item.nodeid, "setup")


def pytest_configure(config):
    config.pluginmanager.register(Recorder(), "recorder")
'''

CLEAN = """
    import warnings

    @pytest.mark.parametrize("number", range({count}))
    def test_it(number): ...
"""
LEAKY = """
    def test_leaky():
        KEPT.append(Session())

    def test_fills_once():
        BUS.listeners["it"] = Session()
"""

UNSUSPECTED = {
    "warnings": """
        import warnings

        @pytest.mark.parametrize("number", range(5))
        def test_it(number):
            warnings.warn(f"number {number}")
    """,
    "attributes of an instance": """
        class TestIt:
            def setup_method(self):
                self.session, self.more = Session(), {"list": [[]]}

            def test_it(self):
                self.own = [Session()]

            def test_again(self):
                vars(self)["own"] = [Session()]
    """,
    "a folder": """
        def test_it(tmp_path): ...
    """,
}


@pytest.fixture
def recorded(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """The plugin is installed."""
    folder = Path(suite.pytester.path) / "site-packages"
    (folder / "pytest_recorder").mkdir(parents=True)
    (folder / "pytest_recorder" / "__init__.py").write_text(RECORDER)
    others = os.environ.get("PYTHONPATH")
    path = str(folder) if others is None else os.pathsep.join([str(folder), others])
    monkeypatch.setenv("PYTHONPATH", path)
    return suite


@pytest.mark.parametrize("name", UNSUSPECTED)
def test_what_pytest_keeps_until_the_end(suite: Suite, name: str) -> None:
    result = suite.run(UNSUSPECTED[name], *CONFIRM)
    assert result.ret == 0
    assert suite.report()["tests"] == []


@pytest.mark.parametrize("count", [5, 600])
def test_records_of_a_plugin(recorded: Suite, count: int) -> None:
    result = recorded.run(CLEAN.format(count=count), *CONFIRM, "-p", "pytest_recorder")
    assert result.ret == 0
    assert recorded.report()["watched"] == count
    assert recorded.report()["tests"] == []


def test_records_of_a_plugin_that_are_counted_together(recorded: Suite) -> None:
    options = ("--leakhunt", "--leakhunt-report", "report.json", "-p", "pytest_recorder")
    recorded.run(CLEAN.format(count=60), *options)
    assert recorded.report()["tests"] == []


def test_a_leak_beside_records(recorded: Suite) -> None:
    recorded.run(CLEAN.format(count=9) + LEAKY, *CONFIRM, "-p", "pytest_recorder")
    found = {one["test"].partition("::")[2]: one for one in recorded.report()["tests"]}
    assert {name: one["outcome"] for name, one in found.items()} == {
        "test_leaky": "leak",
        "test_fills_once": "cleared",
    }
    (leak,) = found["test_leaky"]["findings"]
    assert leak["holder"]["path"] == "shop.KEPT"
    assert "records of the plugin pytest_recorder" in found["test_leaky"]["notes"]


KEPT_ELSEWHERE = {
    "an attribute of the instance": """
        class TestIt:
            def test_it(self):
                self.session, self.own = Session(), Session()
                KEPT.append(self.session)
    """,
    "the object of a warning": """
        import warnings

        def test_it():
            session = Session()
            KEPT.append(session)
            warnings.warn("unclosed", ResourceWarning, source=session)
    """,
    "an object that is recorded, too": """
        import pytest_recorder

        def test_it(request):
            session = Session()
            KEPT.append(session)
            pytest_recorder.Results.table["main"][request.node.nodeid] = [session]
    """,
}


@pytest.mark.parametrize("name", KEPT_ELSEWHERE)
def test_what_something_else_keeps_as_well_leaks(recorded: Suite, name: str) -> None:
    recorded.run(KEPT_ELSEWHERE[name], *CONFIRM, "-p", "pytest_recorder")
    (found,) = recorded.report()["tests"]
    assert found["outcome"] == "leak"
    assert found["findings"][0]["holder"]["path"] == "shop.KEPT"


def test_a_test_whose_data_are_gone_is_not_cleared(suite: Suite) -> None:
    conftest = """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            item.jobs = ["a", "b"]
            result = yield
            del item.jobs
            return result
    """
    leaky = """
        def test_it(request):
            KEPT.extend(Session() for _ in request.node.jobs)
    """
    suite.run(leaky, *CONFIRM, conftest=conftest)
    (found,) = suite.report()["tests"]
    assert found["outcome"] == "left"
    assert "it cannot be repeated" in found["notes"][0]


def test_what_a_plugin_lets_go_of_is_not_kept(recorded: Suite) -> None:
    replaced = """
        import gc, weakref
        import pytest_recorder

        pytest_recorder.CURRENT = {"session": []}
        SEEN = []

        @pytest.mark.parametrize("number", range(3))
        def test_it(number):
            gc.collect()
            assert [one() for one in SEEN[:-1]] == [None] * len(SEEN[:-1])
            session = Session()
            SEEN.append(weakref.ref(session))
            pytest_recorder.CURRENT["session"] = [session]
    """
    result = recorded.run(replaced, "--leakhunt", "-p", "pytest_recorder")
    result.assert_outcomes(passed=3)


def test_many_warnings_of_one_test(suite: Suite) -> None:
    warned = """
        import warnings

        @pytest.mark.parametrize("count", [12, 60, 200])
        def test_it(count):
            for number in range(count):
                warnings.warn(f"{count}: {number}")
    """
    suite.run(warned, "--leakhunt", "--leakhunt-report", "report.json")
    assert suite.report()["tests"] == []


def test_a_plugin_of_the_suite_itself_is_not_excused(suite: Suite) -> None:
    suite.run(CLEAN.format(count=3), *CONFIRM, "-p", "pytest_recorder", pytest_recorder=RECORDER)
    found = suite.report()["tests"]
    assert len(found) == 3
    assert {one["findings"][0]["holder"]["path"] for one in found if one["findings"]}


TRACED = """
    NUMBERS = []

    def test_numbers():
        NUMBERS.extend(number / 3 for number in range(500))
"""


def test_memory_under_a_trace_function_is_judged_when_repeated(suite: Suite) -> None:
    conftest = "import sys\nsys.settrace(lambda frame, event, argument: None)\n"
    result = suite.run(TRACED, "--leakhunt", "--leakhunt-report", "report.json", conftest=conftest)
    assert suite.report()["tests"] == []
    assert "less than 20,000 blocks of memory" in words(result)
    suite.again(*CONFIRM)
    (found,) = suite.report()["tests"]
    assert found["outcome"] == "leak"
