"""``pytest --leakhunt``: every test runs once, and what outlives it is told at the end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from leakhunt.report.schema import load_schema
from tests.pytest_plugin.conftest import Suite, words

SUITE = """
    import functools, re

    @pytest.fixture(scope="module")
    def seen():
        return []

    @pytest.fixture
    def session():
        return Session()

    @functools.lru_cache
    def first_use():
        return Session()

    def test_leaky(session):
        BUS.listeners.setdefault("tick", []).append(session)

    def test_floats():
        KEPT.extend(number + 0.5 for number in range(len(KEPT), len(KEPT) + 300))

    @pytest.mark.parametrize("number", range(5))
    def test_clean(session, seen, number, tmp_path, caplog):
        session.itself = session
        seen.append(Session())
        re.compile(f"x{number}")

    def test_cache():
        first_use()

    def test_collects():
        gc.collect()
        assert any(one is KEPT for one in gc.get_objects())

    def test_fails():
        session = Session()
        assert session is None
"""


def test_each_test_runs_once_and_what_it_left_is_told(suite: Suite) -> None:
    result = suite.run(SUITE, "--leakhunt")
    result.assert_outcomes(passed=9, failed=1)
    text = words(result)
    for part in (
        "10 tests watched",
        "LEFT test_it.py::test_leaky",
        "held by shop.BUS.listeners",
        "LEFT test_it.py::test_floats",
        "LEFT test_it.py::test_cache",
        "1 test called the collector or looked at its objects",
        "what they left may be a cache",
        "pytest --leakhunt-confirm test_it.py::",
    ):
        assert part in text, part
    assert "LEFT test_it.py::test_clean" not in text
    assert "LEFT test_it.py::test_collects" not in text


def test_repeating_tells_leaks_from_what_is_left_once(suite: Suite) -> None:
    result = suite.run(SUITE, "--leakhunt-confirm", "--leakhunt-report", "report.json")
    result.assert_outcomes(passed=9, failed=1)
    text = words(result)
    for part in (
        "LEAK test_it.py::test_leaky Growing collection: +1 `shop.Session` per cycle",
        "held by `shop.BUS.listeners['tick']`",
        "Remove entries from",
        "LEAK test_it.py::test_floats Growing collection: +300 `builtins.float` per cycle",
        "left nothing more",
    ):
        assert part in text, part
    assert "LEAK test_it.py::test_clean" not in text
    assert "test_cache" not in text
    report = suite.report()
    Draft202012Validator(load_schema(name="pytest")).validate(report)
    assert report["verdict"] == "LEAK"
    assert report["watched"] == 10
    outcomes = {one["test"]: one["outcome"] for one in report["tests"]}
    assert outcomes["test_it.py::test_leaky"] == "leak"
    assert outcomes["test_it.py::test_cache"] == "cleared"
    assert Path(suite.pytester.path / "report.json").stat().st_mode & 0o777 == 0o600


def test_confirmed_leaks_may_fail_and_be_accepted(suite: Suite) -> None:
    tests = """
        def test_leaky():
            KEPT.append(Session())

        def test_clean():
            pass
    """
    options = ("--leakhunt-fail", "--leakhunt-report", "report.json", "--junitxml", "junit.xml")
    result = suite.run(tests, *options)
    result.assert_outcomes(passed=2, errors=1)
    assert result.ret == 1
    text = words(result)
    assert "ERROR at teardown of test_leaky" in text
    assert "1 leak in 20 cycles of test_leaky" in text
    assert "run it again: pytest test_it.py::test_leaky" in text
    junit = ET.parse(suite.pytester.path / "junit.xml")
    found = [one.get("value") for one in junit.iter("property") if one.get("name") == "leakhunt"]
    assert found
    assert "held by `shop.KEPT`" in str(found[0])

    accept = [sys.executable, "-m", "leakhunt", "accept", "report.json", "--into", "known.json"]
    subprocess.run(accept, check=True, cwd=suite.pytester.path)
    result = suite.again("--leakhunt-fail", "--leakhunt-baseline", "known.json")
    result.assert_outcomes(passed=2)
    assert "KNOWN test_it.py::test_leaky" in words(result)


def test_a_baseline_that_is_none_is_refused(suite: Suite) -> None:
    result = suite.run("def test_it(): pass", "--leakhunt-baseline", "missing.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--leakhunt-baseline:" in result.stderr.str()
    assert "missing.json cannot be read" in result.stderr.str()


def test_github_gets_an_annotation(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = suite.run("def test_leaky(): KEPT.append(Session())", "--leakhunt-fail")
    lines = [line for line in result.outlines if line.startswith("::error ")]
    assert len(lines) == 1
    assert lines[0].startswith("::error file=test_it.py,line=3,title=leakhunt%3A collection in ")
    assert "held by `shop.KEPT`" in lines[0]


@pytest.mark.parametrize("options", [("--leakhunt-fail",), ("-m", "leakhunt")])
def test_unattended_the_summary_is_a_line_a_leak(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CI", "true")  # where pytest cuts no line of its summary
    tests = """
        @pytest.mark.leakhunt
        def test_marked(): KEPT.append(Session())
        def test_plain(): KEPT.append(Session())
    """
    result = suite.run(tests, *options, "-n", "1")
    lines = result.outlines
    summary = lines[next(i for i, one in enumerate(lines) if "short test summary" in one) + 1 : -1]
    assert summary[0] == ("FAILED test_it.py::test_marked - 1 leak in 20 cycles of test_marked")
    assert summary[1:] == (
        ["ERROR test_it.py::test_plain - 1 leak in 20 cycles of test_plain"]
        if "--leakhunt-fail" in options
        else []
    )
    assert words(result).count(" path shop.KEPT builtins.list") == len(summary)  # in full, once


def test_chains_are_drawn(suite: Suite) -> None:
    result = suite.run(
        """
        def test_leaky(): KEPT.append(Session())
        def test_floats(): KEPT.extend(len(KEPT) + number + 0.5 for number in range(300))
        """,
        "--leakhunt-fail",
        "--leakhunt-graph",
        "drawn",
    )
    assert words(result).count("drawn: ") == 2
    dots = sorted((suite.pytester.path / "drawn").glob("*.dot"))
    assert len(dots) == 2
    for dot in dots:
        text = dot.read_text("utf-8")
        assert text.startswith("digraph ObjectGraph")
        assert "builtins.module\\n" in text


@pytest.mark.parametrize(("does", "suffix"), [("cp", ".svg"), ("false", ".dot")])
def test_graphviz_makes_pictures_for_the_owner_alone(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, does: str, suffix: str
) -> None:
    tools = suite.pytester.mkdir("tools")
    (tools / "dot").write_text(f'#!/bin/sh\n{does} "$4" "$3"\n')
    (tools / "dot").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    suite.run("def test_it(): KEPT.append(Session())", "--leakhunt-fail", "--leakhunt-graph", "d")
    drawn = sorted((suite.pytester.path / "d").iterdir())
    assert [one.suffix for one in drawn] == [".dot", ".svg"][: len(drawn)]
    assert drawn[-1].suffix == suffix
    assert {one.stat().st_mode & 0o777 for one in drawn} == {0o600}
    assert "digraph" in drawn[-1].read_text("utf-8")


def test_workers_hand_their_part_over(suite: Suite) -> None:
    options = ("-n", "2", "--leakhunt-confirm", "--leakhunt-report", "report.json")
    result = suite.run(SUITE, *options)
    result.assert_outcomes(passed=9, failed=1)
    assert "10 tests watched" in words(result)
    outcomes = {one["test"]: one["outcome"] for one in suite.report()["tests"]}
    assert outcomes["test_it.py::test_leaky"] == "leak"


def test_a_program_that_froze_its_objects_is_left_alone(suite: Suite) -> None:
    result = suite.run(
        """
        def test_leaky(): KEPT.append(Session())
        def test_clean(): pass
        def test_still_frozen(): assert gc.get_freeze_count() > 5000
        """,
        "--leakhunt",
        conftest="import gc; gc.freeze()",
    )
    result.assert_outcomes(passed=3)
    assert "the program froze objects itself" in words(result)


def test_unused_it_loads_nothing(suite: Suite) -> None:
    result = suite.run("""
        import sys

        def test_it():
            loaded = [name for name in sys.modules if name.startswith("leakhunt")]
            assert sorted(loaded) == ["leakhunt", "leakhunt.pytest_plugin"]
    """)
    result.assert_outcomes(passed=1)


def test_the_report_can_be_read_again(suite: Suite) -> None:
    from leakhunt.report.suite_json import suite_from_json, suite_to_dict

    suite.run(SUITE, "--leakhunt", "--leakhunt-report", "report.json")
    text = (suite.pytester.path / "report.json").read_text("utf-8")
    assert suite_to_dict(suite_from_json(text)) == json.loads(text)


def test_tests_that_a_plugin_runs_elsewhere_are_not_watched(suite: Suite) -> None:
    conftest = """
        def pytest_runtest_protocol(item):
            return True
    """
    tests = """
        def test_one(): ...

        def test_two(): ...
    """
    result = suite.run(tests, "--leakhunt", conftest=conftest)
    assert result.ret == 0
    assert words(result).count("runs elsewhere") == 1


def test_lazy_modules_stay_so_and_classes_may_lack_a_module(suite: Suite) -> None:
    lazy = """
        raise SystemExit("loaded")
    """
    tests = """
        import importlib.util, sys

        def test_lazy():
            spec = importlib.util.find_spec("lazy")
            spec.loader = importlib.util.LazyLoader(spec.loader)
            module = sys.modules["lazy"] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            KEPT.append(Session())

        def test_class():
            names = {}
            exec("one = type('Bare', (), {})()", names)
            KEPT.append(names["one"])
    """
    result = suite.run(tests, "--leakhunt", lazy=lazy)
    result.assert_outcomes(passed=2)
    assert "LEFT test_it.py::test_class" in words(result)


def test_classes_without_a_name_of_their_own_are_told(suite: Suite) -> None:
    result = suite.run(
        """
        class Nameless(type):
            @property
            def __module__(cls): raise RuntimeError("it says none")

        class Itself(type):
            # The collector takes such a class apart and cannot free it.
            def __new__(kind, *args):
                made = super().__new__(kind, *args)
                made.__class__ = made
                return made

        class Unhashable(type):
            __hash__ = None

        def test_unhashable(): KEPT.append(Unhashable("Odd", (), {})())
        def test_nameless(): KEPT.append(Nameless("Inner", (), {})())
        def test_itself(): class_ = Itself("Gone", (Itself,), {})
        """,
        "--leakhunt",
    )
    result.assert_outcomes(passed=3)
    assert "1 test_it.Inner (" in words(result)
    assert "1 test_it.Odd (" in words(result)
    assert "LEFT test_it.py::test_itself" not in words(result)


def test_the_last_of_those_that_take_one_anothers_place_is_told(suite: Suite) -> None:
    result = suite.run(
        """
        KEPT.append(None)

        @pytest.mark.parametrize("number", range(6))
        def test_replaces(number):
            KEPT[0] = None
            KEPT[0] = Session()
        """,
        "--leakhunt",
    )
    text = words(result)
    assert "LEFT test_it.py::test_replaces[5]" in text
    assert text.count("LEFT") == 1


def test_what_a_key_that_lives_keeps_is_told(suite: Suite) -> None:
    result = suite.run(
        """
        import weakref

        TABLE = weakref.WeakKeyDictionary({Session: []})

        def test_it():
            key = Session()
            TABLE[key] = [key]  # its own value: it never goes
        """,
        "--leakhunt",
    )
    assert "1 builtins.list (64 B), held by test_it.TABLE.data[" in words(result)


OLD_GARBAGE = """
    def make_old_garbage(count):
        cycles = [Session() for _ in range(count)]
        for one in cycles:
            one.itself = one
        gc.collect()  # what is garbage afterwards has grown old
"""


def test_garbage_of_tests_before_hides_no_leak(suite: Suite) -> None:
    result = suite.run(
        OLD_GARBAGE
        + """
    @pytest.mark.parametrize("number", range(8))
    def test_it(number):
        make_old_garbage(15)  # too little to be looked for

    def test_leaky():
        gc.collect()
        KEPT.append([Session() for _ in range(50)])
        """,
        "--leakhunt",
    )
    assert "LEFT test_it.py::test_leaky" in words(result)
    assert "LEFT test_it.py::test_it" not in words(result)


def test_what_the_interpreter_had_to_spare_hides_no_leak(suite: Suite) -> None:
    result = suite.run(
        """
        def test_first(): ...

        def test_looks():
            import colorsys  # so its blocks are not counted
            gc.get_objects()
            tuples = [(number, number) for number in range(1500)]

        def test_leaky():
            KEPT.extend(range(1000, 2000))
        """,
        "--leakhunt",
    )
    assert "LEFT test_it.py::test_leaky" in words(result)
    assert words(result).count("LEFT") == 1


def test_garbage_is_not_blamed_on_tests_that_are_counted_together(suite: Suite) -> None:
    result = suite.run(
        OLD_GARBAGE
        + """
    def test_one(): ...
    def test_two(): make_old_garbage(100)
    def test_three(): ...
    def test_four(): ...
    def test_leaky(): KEPT.extend(range(1000, 2000))
    def test_last(): ...
        """,
        "--leakhunt",
        conftest="""
        from leakhunt.pytest_plugin import session

        session._COUNT_SHARE = 0  # as on a large heap
        """,
    )
    text = words(result)
    assert text.count("LEFT") == 1
    assert "it, or test_it.py::test_leaky" in text


def test_a_table_may_have_weak_keys_and_others(suite: Suite) -> None:
    result = suite.run(
        """
        import weakref

        TABLE = {weakref.ref(Session): [], "other": []}

        def test_it():
            TABLE["more"] = Session()
        """,
        "--leakhunt",
    )
    assert re.search(r"1 shop.Session \(\d+ B\), held by test_it.TABLE\['more'\]", words(result))
    assert result.ret == 0


def test_who_asks_for_referrers_finds_what_there_is_without_us(suite: Suite) -> None:
    tests = """
        def kinds(session): return [type(one).__name__ for one in gc.get_referrers(session)]

        def generator():
            session = Session()
            yield kinds(session), [type(one).__name__ for one in gc.get_referrers(session)]

        async def coroutine():
            session, holder = Session(), []
            holder.append(session)
            return [type(one).__name__ for one in gc.get_referrers(session)]

        def test_it():
            with pytest.raises(StopIteration) as ended:
                coroutine().send(None)
            told = str([next(generator()), ended.value.value])
            print("told:", told)
            assert told == EXPECTED
    """
    plain = suite.run("EXPECTED = ''\n" + textwrap.dedent(tests))
    expected = words(plain).partition("told: ")[2].partition("]]")[0] + "]]"
    assert "list" in expected
    watched = suite.run(f"EXPECTED = {expected!r}\n" + textwrap.dedent(tests), "--leakhunt")
    watched.assert_outcomes(passed=1)
