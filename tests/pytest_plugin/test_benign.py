"""What the interpreter, its library and pytest keep of a test that leaves nothing is not told."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import Suite, words

BENIGN = {
    "properties": """
        def test_it(record_property):
            for number in range(60):
                record_property(f"name {number}", f"value {number}")
    """,
    "properties with containers": """
        def test_it(record_property):
            record_property("name", {"value": [Session()]})
    """,
    "names that were looked up": """
        def test_it():
            for number in range(2000):
                getattr(BUS, f"name {number}", None)
    """,
    "modules of C code": """
        def test_it():
            import _pickle, ctypes, decimal
    """,
    "slots of a class that is copied": """
        import copy

        class Slotted:
            __slots__ = ("one", "two", "three")

        def test_it():
            copy.copy(Slotted())
    """,
    "filters of warnings that C code gave": """
        def test_it():
            with pytest.warns(DeprecationWarning):
                float(Float())

        class Float:
            def __float__(self):
                return Real(1)

        class Real(float): pass
    """,
    "distributions": """
        import importlib.metadata

        def test_it():
            importlib.metadata.version("pluggy")

        def test_again():
            importlib.metadata.version("numpy")
    """,
}


@pytest.mark.parametrize("name", BENIGN)
def test_nothing_is_left(suite: Suite, name: str) -> None:
    result = suite.run(BENIGN[name], "--leakhunt")
    assert result.ret == 0
    assert "LEFT" not in words(result)


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_is_told_at_the_end_needs_no_analysis(suite: Suite, is_kept: bool) -> None:
    last = "KEPT" if is_kept else "KEPT.clear()"
    result = suite.run(
        f"""
        def test_keeps(): KEPT.append(Session())
        def test_last(): {last}
        """,
        "--leakhunt",
        conftest="""
            import sys

            def pytest_unconfigure():
                print("loaded:", {"numpy", "leakhunt.graph.heap_graph"} & set(sys.modules))
        """,
    )
    assert ("held by shop.KEPT[0]" in words(result)) == is_kept
    assert ("LEFT" in words(result)) == is_kept
    assert "loaded: set()" in words(result)


def test_attributes_are_told_by_their_object(suite: Suite) -> None:
    result = suite.run(
        """
        import threading

        LOCAL = threading.local()

        class Lazy:
            def __init__(self):
                self.name = "lazy"

        LAZY = Lazy()

        def test_it():
            LOCAL.session = 1
            vars(LAZY)["other"] = Session()
        """,
        "--leakhunt",
    )
    text = words(result)
    assert "1 shop.Session (" in text
    assert "held by test_it.LAZY.other" in text
    assert ".__dict__" not in text


def test_dicts_that_are_entries_of_others_are_told(suite: Suite) -> None:
    result = suite.run(
        """
        BUS.listeners["first"] = []

        def test_it():
            for number in range(300):
                BUS.listeners[f"listener {number}"] = {"session": Session()}
        """,
        "--leakhunt",
    )
    assert result.ret == 0
    assert "300 builtins.dict (" in words(result)
    assert "held by shop.BUS.listeners[*]" in words(result)
