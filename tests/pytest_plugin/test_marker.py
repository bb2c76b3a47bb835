"""``@pytest.mark.leakhunt``: the test is repeated, and what its cycles leave is a failure."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import Suite, words


def test_leaks_fail_and_clean_tests_pass(suite: Suite) -> None:
    result = suite.run("""
        import functools, unittest

        @pytest.fixture
        def session():
            yield Session()

        @pytest.mark.leakhunt
        def test_leaky(session):
            BUS.listeners.setdefault("tick", []).append(session)

        @pytest.mark.leakhunt(cycles=10, warmup=2)
        def test_clean(session, tmp_path, monkeypatch, caplog, capsys):
            import logging, warnings
            session.itself = session
            logging.getLogger("shop").warning("kept by nobody")
            print("kept by nobody")
            warnings.warn("kept by nobody")

        @pytest.mark.leakhunt
        @pytest.mark.parametrize("number", [1, 2])
        def test_float(number):
            if number == 2:
                KEPT.append(len(KEPT) + 0.5)

        class TestCase(unittest.TestCase):
            def setUp(self):
                self.session = Session()

            @pytest.mark.leakhunt
            def test_clean(self):
                pass

            @pytest.mark.leakhunt(types="shop.Session")
            def test_leaky(self):
                KEPT.append(self.session)
    """)
    result.assert_outcomes(passed=3, failed=3)
    text = words(result)
    for part in (
        "1 leak in 20 cycles of test_leaky",
        "+1 `shop.Session` per cycle",
        "held by `shop.BUS.listeners['tick']`",
        "test_it.py:",
        "Remove entries from `shop.BUS.listeners['tick']`",
        "run it again: pytest test_it.py::test_leaky",
        "1 leak in 20 cycles of test_float[2]",
        "+1 `builtins.float` per cycle",
        "run it again: pytest 'test_it.py::test_float[2]'",
        "FAILED test_it.py::TestCase::test_leaky - 1 leak in 20 cycles of test_leaky",
    ):
        assert part in text, part
    assert "_multicall" not in text
    assert "repeat.py" not in text


def test_fixtures_of_wider_scope_and_mocks_may_keep_what_they_keep(suite: Suite) -> None:
    result = suite.run("""
        from unittest import mock

        MOCK = mock.Mock()

        @pytest.fixture(scope="module")
        def seen():
            return []

        @pytest.fixture(scope="session")
        def client():
            return Session()

        @pytest.fixture
        def each(client):
            return Session()

        @pytest.mark.leakhunt
        def test_wider(seen, each):
            seen.append(Session())

        @pytest.mark.leakhunt
        def test_mock(each):
            MOCK(Session())

        def test_once(seen, client):
            assert len(seen) > 20
    """)
    result.assert_outcomes(passed=3)


def test_function_scoped_fixtures_are_rebuilt_and_others_are_not(suite: Suite) -> None:
    result = suite.run("""
        COUNT = {"function": 0, "module": 0, "body": 0, "gone": 0}

        @pytest.fixture(scope="module", autouse=True)
        def wide():
            COUNT["module"] += 1
            yield

        @pytest.fixture
        def narrow():
            COUNT["function"] += 1
            yield
            COUNT["gone"] += 1

        @pytest.mark.leakhunt(cycles=9, warmup=3)
        def test_it(narrow):
            COUNT["body"] += 1

        def test_after():
            assert COUNT["module"] == 1
            assert COUNT["body"] == 1 + 3 + 9
            assert COUNT["function"] == COUNT["gone"] == COUNT["body"] + 1
    """)
    result.assert_outcomes(passed=2)


def test_a_failing_body_fails_as_ever_also_in_a_later_cycle(suite: Suite) -> None:
    result = suite.run("""
        COUNT = []

        @pytest.mark.leakhunt
        def test_first():
            assert 0, "at once"

        @pytest.mark.leakhunt
        def test_later(tmp_path, caplog):
            COUNT.append(1)
            assert len(COUNT) < 5, "in a cycle"

        @pytest.mark.leakhunt
        def test_skipped():
            pytest.skip("not here")

        @pytest.mark.leakhunt
        @pytest.mark.xfail
        def test_expected():
            assert 0
    """)
    result.assert_outcomes(failed=2, skipped=1, xfailed=1)
    text = words(result)
    assert "at once" in text
    assert "in a cycle" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("cycles=3", "cycles is 3 (give 6 or more: fewer cannot tell a leak from a warm-up)"),
        ("cycle=30", "got an unexpected keyword argument 'cycle' (it takes cycles, warmup,"),
        ("warmup='x'", "warmup is 'x' (give a number)"),
        ("types=[1]", "types holds 1 (give classes, names like"),
    ],
)
def test_a_marker_that_makes_no_sense_is_refused(
    suite: Suite, arguments: str, message: str
) -> None:
    result = suite.run(f"""
        @pytest.mark.leakhunt({arguments})
        def test_it():
            pass
    """)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in " ".join(result.stderr.str().split())
    assert "test_it.py::test_it: the leakhunt marker" in result.stderr.str()


def test_growth_may_be_allowed_and_filtered(suite: Suite) -> None:
    result = suite.run("""
        @pytest.mark.leakhunt(max_growth=1)
        def test_allowed():
            KEPT.append(Session())

        @pytest.mark.leakhunt(types=["shop.Other"])
        def test_other_type():
            KEPT.append(Session())

        @pytest.mark.leakhunt(ignore=[Session])
        def test_ignored():
            KEPT.append(Session())
    """)
    result.assert_outcomes(passed=3)


def test_a_full_cache_whose_new_entries_are_larger_does_not_leak(suite: Suite) -> None:
    result = suite.run("""
        import functools, itertools

        NUMBERS = itertools.count()

        @functools.lru_cache(maxsize=100)
        def cached(number):
            return [Session() for _ in range(20)] if number >= 100 else None

        for _ in range(100):
            cached(next(NUMBERS))

        @pytest.mark.leakhunt
        def test_cached():
            cached(next(NUMBERS))

        @functools.lru_cache(maxsize=None)
        def endless(number):
            return [Session() for _ in range(20)]

        @pytest.mark.leakhunt
        def test_endless():
            endless(next(NUMBERS))
    """)
    result.assert_outcomes(passed=1, failed=1)
    assert "held by `test_it.endless`" in words(result)


def test_the_fixture_offers_the_assertions(suite: Suite) -> None:
    result = suite.run("""
        def test_check(leakhunt):
            leakhunt.check(Session, cycles=10)

        def test_block(leakhunt):
            with leakhunt.no_leaks():
                KEPT.append(Session())

        def test_collected(leakhunt):
            session = Session()
            KEPT.append(session)
            leakhunt.assert_collected(session)

        def test_size(leakhunt):
            leakhunt.assert_max_size([bytes(3000)], "1 kB")
    """)
    result.assert_outcomes(passed=1, failed=3)
    text = words(result)
    for part in (
        "1 thing stayed behind that the block had made",
        "shop.Session is still held",
        "└─ [1] shop.Session",
        "builtins.list takes",
    ):
        assert part in text, part
    assert "block.py" not in text  # our frames are hidden
    assert "single.py" not in text
