"""``pytest --leakhunt-confirm``: how the tests that left something are repeated."""

from __future__ import annotations

import pytest

from leakhunt.pytest_plugin.confirm import cycles_of
from tests.pytest_plugin.conftest import Suite, words


def test_what_c_types_hold_that_tell_no_collector_is_not_blamed_on_c(suite: Suite) -> None:
    tests = """
        import decimal, io, os, rpds

        def test_text():
            text = io.TextIOWrapper(io.BytesIO(b"one\\ntwo"), "utf-8")
            text.readline()
            KEPT.append(text)

        def test_folder(tmp_path):
            (tmp_path / "file").touch()
            with os.scandir(tmp_path) as entries:
                entry = next(entries)
            entry.stat()
            KEPT.append([entry])

        def test_context():
            KEPT.append([decimal.Context(prec=9)])

        def test_map():
            KEPT.append([rpds.HashTrieMap({"session": Session()})])
    """
    suite.run(tests, "--leakhunt-confirm", "--leakhunt-report", "report.json")
    repeated = suite.report()["tests"]
    assert len(repeated) == 4
    for test in repeated:
        (finding,) = test["findings"]
        assert (finding["holder"]["path"], finding["verdict"]) == ("shop.KEPT", "LEAK")


@pytest.mark.parametrize(("run_s", "cycles"), [(0.0, 20), (1.0, 20), (2.0, 10), (60.0, 6)])
def test_slow_tests_are_repeated_less_often(run_s: float, cycles: int) -> None:
    assert cycles_of(run_s) == cycles


def test_each_repetition_has_an_instance_of_its_own(suite: Suite) -> None:
    result = suite.run("""
        @pytest.mark.leakhunt
        class TestIt:
            def setup_method(self):
                self.session = Session()

            def test_leaky(self):
                KEPT.append(self)

            def test_clean(self):
                assert self.session is not getattr(BUS, "last", None)
                BUS.last = self.session
    """)
    result.assert_outcomes(passed=1, failed=1)
    assert "test_it.TestIt" in words(result)


def test_a_test_that_cannot_be_repeated_is_not_accused(suite: Suite) -> None:
    result = suite.run(
        """
        def test_once():
            assert not KEPT, "only once"
            KEPT.append(Session())
        """,
        "--leakhunt-fail",
    )
    result.assert_outcomes(passed=1)
    assert "it cannot be repeated: AssertionError: only once" in words(result)


def test_what_fixtures_keep_that_a_test_asks_for_as_it_runs_needs_no_hunt(suite: Suite) -> None:
    tests = """
        @pytest.fixture(scope="session")
        def wide():
            return []

        @pytest.fixture
        def narrow(wide):  # pytest keeps its end with `wide`, each time
            return [wide]

        def test_asks(request):
            request.getfixturevalue("narrow")
            vars(BUS).setdefault("first", Session())  # so it is repeated
    """
    suite.run(tests, "--leakhunt-confirm", "--leakhunt-report", "report.json")
    (test,) = suite.report()["tests"]
    assert (test["outcome"], test["notes"]) == ("cleared", [])
    assert test["cycles"] < 10


@pytest.mark.parametrize("options", [(), ("-W", "error"), ("-p", "no:warnings")])
def test_warnings_are_filtered_in_each_repetition_as_in_the_first_run(
    suite: Suite, options: tuple[str, ...]
) -> None:
    tests = """
        import warnings

        @pytest.mark.filterwarnings("ignore:old:DeprecationWarning")
        def test_ignores():
            warnings.warn("old", DeprecationWarning)
            KEPT.append(Session())

        @pytest.mark.filterwarnings("error:older:DeprecationWarning")
        @pytest.mark.skipif("not config.pluginmanager.hasplugin('warnings')")
        def test_raises():
            with pytest.raises(DeprecationWarning):
                warnings.warn("older", DeprecationWarning)
            KEPT.append(Session())
    """
    result = suite.run(tests, "--leakhunt-confirm", *options)
    text = words(result)
    assert "cannot be repeated" not in text
    assert "LEAK test_it.py::test_ignores" in text
    if "no:warnings" not in options:
        result.assert_outcomes(passed=2, warnings=0)
        assert "LEAK test_it.py::test_raises" in text


def test_a_test_that_takes_too_long_is_not_accused(suite: Suite) -> None:
    tests = "def test_leaky(): KEPT.append(Session())"
    conftest = """
        import leakhunt.pytest_plugin.confirm as confirm

        confirm._LIMIT_S = 0.0
    """
    result = suite.run(tests, "--leakhunt-fail", conftest=conftest)
    result.assert_outcomes(passed=1)
    assert "LEFT test_it.py::test_leaky" in words(result)
    assert "it was not judged: " in words(result)


SUBTESTS = """
import unittest

class Test(unittest.TestCase):
    def test_clean(self):
        for number in range(100):
            with self.subTest(number=number): pass

    def test_leaky(self):
        for number in range(3):
            with self.subTest(number=number): KEPT.append(Session())

    def test_once(self):
        with self.subTest("only once"): self.assertNotIn("once", KEPT)
        KEPT.append("once")
        KEPT.append(Session())

def test_fixture(subtests):
    with subtests.test(): KEPT.append(Session())
"""


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 9 reports subtests")
def test_subtests_are_told_once_however_often_they_are_repeated(suite: Suite) -> None:
    result = suite.run(SUBTESTS, "-q", "--leakhunt-confirm", "--leakhunt-report", "report.json")
    assert "4 passed, 105 subtests passed" in words(result)
    found = {one["test"].rpartition(":")[2]: one for one in suite.report()["tests"]}
    assert "test_clean" not in found
    assert {name: one["outcome"] for name, one in found.items()} == {
        "test_leaky": "leak", "test_once": "left", "test_fixture": "leak"
    }  # fmt: skip
    assert "a subtest failed" in found["test_once"]["notes"][0]


def test_modules_are_set_up_once_whatever_is_repeated(suite: Suite) -> None:
    result = suite.run(
        """
        import shop

        @pytest.fixture(scope="module", autouse=True)
        def wide():
            shop.count = getattr(shop, "count", 0) + 1
            yield
            shop.gone = getattr(shop, "gone", 0) + 1

        def test_one(): KEPT.append(Session())
        def test_two(): assert shop.count == 1
        """,
        "--leakhunt-confirm",
        test_later="import shop\ndef test_later(): assert shop.gone == 1\n",
    )
    result.assert_outcomes(passed=3)


def test_an_iterator_that_runs_dry_in_a_repeated_test_is_told(suite: Suite) -> None:
    tests = """
        NUMBERS = iter(range(2))

        def test_it():
            next(NUMBERS)
            KEPT.append(Session())
    """
    result = suite.run(tests, "--leakhunt-confirm")
    result.assert_outcomes(passed=1)
    assert "it cannot be repeated: StopIteration" in words(result)


def test_a_teardown_that_fails_after_the_repetition_is_told(suite: Suite) -> None:
    tests = """
        TIMES = []

        @pytest.fixture(scope="module")
        def wide():
            yield
            TIMES.append(1)
            if len(TIMES) > 1:
                raise RuntimeError("was closed before")

        def test_it(wide):
            KEPT.append(Session())
    """
    result = suite.run(tests, "--leakhunt-confirm")
    result.assert_outcomes(passed=1)
    text = words(result)
    assert "LEAK test_it.py::test_it" in text
    assert "was closed before" in text
