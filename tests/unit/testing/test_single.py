"""Assertions about one object."""

from __future__ import annotations

import subprocess
import sys
import weakref
from typing import Any

import pytest

from leakhunt import testing
from leakhunt.errors import UsageError
from leakhunt.testing.single import parse_size

KEPT: dict[str, Any] = {}


class Session:
    pass


def test_what_only_this_function_holds_is_collected() -> None:
    session: Any = Session()
    session.itself = session
    testing.assert_collected(session)


def test_a_dead_reference_is_collected() -> None:
    session = Session()
    reference = weakref.ref(session)
    del session
    testing.assert_collected(reference)


def test_every_place_that_must_let_go_is_named() -> None:
    session = Session()
    KEPT["one"], KEPT["two"] = [session], (session, 1.5)
    try:
        with pytest.raises(testing.LeakError) as caught:
            testing.assert_collected(session)
    finally:
        KEPT.clear()
    text = str(caught.value)
    assert "test_single.Session is still held" in text
    assert "KEPT['one'][0]" in text
    assert "KEPT['two'][0]" in text


def test_with_a_reference_variables_count_too() -> None:
    session = Session()
    reference = weakref.ref(session)
    with pytest.raises(testing.LeakError, match="local 'session'"):
        testing.assert_collected(reference)
    assert session is not None


def test_what_a_dead_reference_gives_is_no_object() -> None:
    reference = weakref.ref(Session())
    with pytest.raises(UsageError, match="given None, which is never collected") as caught:
        testing.assert_collected(reference())
    assert "without calling it" in caught.value.hint


def test_an_object_that_is_too_large_tells_its_parts() -> None:
    session: Any = Session()
    session.cache = {"a": bytearray(3_000_000)}
    session.name = "x" * 5000
    testing.assert_max_size(session, "4 MB")
    with pytest.raises(testing.LeakError) as caught:
        testing.assert_max_size(session, "1 MiB")
    lines = str(caught.value).splitlines()
    assert "test_single.Session takes 2.9 MiB, more than 1.0 MiB (1 MiB)" in lines[0]
    parts = [line.split()[-1] for line in lines[3:]]
    assert parts[:3] == ["(itself)", "cache", "name"]


@pytest.mark.parametrize(
    ("text", "size"),
    [(10, 10), ("10", 10), ("1.5 kB", 1500), ("10 MB", 10**7), (" 2GiB", 2**31), ("3 b", 3)],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "10 parsecs", "-1", -1, True, None, "1e3", float("nan")]
)
def test_what_is_no_size(text: Any) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_size(text)


def test_the_module_loads_nothing_before_it_is_used() -> None:
    code = (
        "import sys; from leakhunt import testing; dir(testing)\n"
        "ours = [name for name in sys.modules if name.startswith('leakhunt.')]\n"
        "assert ours == ['leakhunt.testing'], ours\n"
        "testing.check\nassert 'numpy' not in sys.modules and 'rich' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = testing.nonsense
