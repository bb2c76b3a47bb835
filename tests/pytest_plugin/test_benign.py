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
    "what the library makes at its first use": """
        import asyncio, tempfile

        def test_it():
            tempfile.mkstemp()
            asyncio.set_event_loop(None)
    """,
    "a folder": """
        def test_it(tmp_path): ...
    """,
    "a finalizer that ran": """
        import weakref

        def test_it():
            weakref.finalize(Session(), int)
    """,
    "constants of an imported module": """
        def test_it():
            import wave, asyncio.base_events
    """,
    "classes that were dispatched on": """
        import functools

        @functools.singledispatch
        def dispatch(one): ...

        def test_it():
            dispatch(1)
    """,
    "what a class or module is set up with": """
        def setup_module(module):
            module.SHARED = Session()

        class TestXunit:
            @classmethod
            def setup_class(cls):
                cls.session = Session()

            def test_it(self): ...

        @pytest.fixture(scope="class")
        def session(request):
            request.cls.session = Session()

        @pytest.mark.usefixtures("session")
        class TestFixture:
            def test_it(self): ...
            def test_again(self): ...
    """,
    "lines of a source that was shown": """
        import sys, traceback
        import long

        def test_it():
            with pytest.raises(ZeroDivisionError) as failed:
                long.fails()
            traceback.format_exception(failed.value)
            failed.value.__traceback__ = None
    """,
    "subtests": """
        import unittest

        class TestIt(unittest.TestCase):
            def test_it(self):
                for number in range(30):
                    with self.subTest(number=number): ...
    """,
    "garbage that grew old while the test collected": """
        def test_it():
            cycles = [Session() for _ in range(500)]
            for one in cycles:
                one.itself = one
            gc.collect()
            one = cycles = None
    """,
    "an entry whose key is garbage": """
        import weakref

        TABLE, HELD = weakref.WeakKeyDictionary(), []

        def test_it():
            key = Session()
            key.itself = key
            TABLE[key] = Session()
            HELD.append(key)

        def test_again():
            HELD.clear()
    """,
    "an entry whose key is kept by an entry whose key is garbage": """
        import weakref

        def table(): return weakref.WeakKeyDictionary({Session: []})

        TABLE, OTHER, OLDER, HELD = table(), table(), [Session()], []

        def test_it():
            key = Session()
            key.itself = key
            OTHER[key] = OLDER[0]
            TABLE[OLDER.pop()] = Session()
            HELD.append(key)

        def test_again():
            HELD.clear()
    """,
    "what ipaddress remembers of addresses": """
        import ipaddress

        def test_it():
            assert ipaddress.ip_address("10.0.0.1").is_private
            assert not ipaddress.ip_network("10.0.0.0/8").is_global
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
    long = "def fails(): 1 / 0\n" + "# more of it\n" * 500
    result = suite.run(BENIGN[name], "--leakhunt", long=long)
    assert result.ret == 0
    assert "LEFT" not in words(result)


def test_what_the_run_itself_makes_is_not_even_suspected(suite: Suite) -> None:
    result = suite.run(
        """
        import asyncio

        async def waits(): ...

        def test_it():
            asyncio.run(waits())
        """,
        "--leakhunt-confirm",
        "--leakhunt-report",
        "report.json",
        test_later="def test_first(): ...\n\ndef test_second(): ...\n",
        conftest="""
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol():
            return (yield)

        class Plugin:
            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_protocol(self):
                return (yield)

        def pytest_configure(config):
            config.pluginmanager.register(Plugin())
        """,
    )
    result.assert_outcomes(passed=3)
    assert suite.report()["tests"] == []


TABLES = {
    "names of slots": """
        import copy

        class Slotted:
            __slots__ = ("one", "two", "three")

        @pytest.mark.parametrize("number", range(9))
        def test_it(number):
            copy.copy(Slotted())
    """,
    "threads": """
        import threading

        @pytest.mark.parametrize("number", range(9))
        def test_it(number):
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
    """,
    "an executor": """
        from concurrent.futures import ThreadPoolExecutor

        @pytest.mark.parametrize("number", range(9))
        def test_it(number):
            with ThreadPoolExecutor(1) as executor:
                executor.submit(int).result()
    """,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_library_are_not_even_suspected(suite: Suite, name: str) -> None:
    result = suite.run(
        TABLES[name],
        "--leakhunt",
        conftest="""
            import sys

            def pytest_unconfigure():
                print("searched:", "leakhunt.pytest_plugin.still_there" in sys.modules)
        """,
    )
    result.assert_outcomes(passed=9)
    assert "searched: False" in words(result)


def test_what_is_like_them_is_told(suite: Suite) -> None:
    result = suite.run(
        """
        import threading

        def test_names(): KEPT.append(["one", "two", "three"])

        def test_thread():
            thread = threading.Thread(target=threading.Event().wait, daemon=True)
            thread.start()
        """,
        "--leakhunt",
    )
    text = words(result)
    assert "1 builtins.list" in text
    assert "held by shop.KEPT[0]" in text
    assert "test_it.py::test_thread" in text


def test_what_a_plugin_keeps_that_came_late_is_not_suspected_in_the_next_module(
    suite: Suite,
) -> None:
    result = suite.run(
        """
        class Plugin:
            def __init__(self):
                self.seen = {}

            def pytest_runtest_setup(self, item):
                self.seen["last"] = [item.name, []]

        @pytest.fixture(scope="session")
        def plugin(request):
            request.config.pluginmanager.register(Plugin())

        def test_it(plugin): ...
        """,
        "--leakhunt-confirm",
        "--leakhunt-report",
        "report.json",
        test_later="def test_first(): ...\n\ndef test_second(): ...\n",
    )
    result.assert_outcomes(passed=3)
    suspected = [one["test"] for one in suite.report()["tests"]]
    assert suspected in ([], ["test_it.py::test_it"])


def test_folders_that_repetitions_import_from_are_no_leak(suite: Suite) -> None:
    # monkeypatch.syspath_prepend would invalidate the caches, which may then grow less regularly.
    result = suite.run(
        """
        import sys, zipfile

        def test_folder(tmp_path, monkeypatch):
            (tmp_path / "made_here.py").write_text("")
            monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
            import made_here
            del sys.modules["made_here"]
            vars(BUS).setdefault("first", Session())  # so it is repeated

        def test_archive(tmp_path, monkeypatch):
            with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
                archive.writestr("packed.py", "")
            monkeypatch.setattr(sys, "path", [str(tmp_path / "archive.zip"), *sys.path])
            import packed
            del sys.modules["packed"]
            vars(BUS).setdefault("second", Session())

        def test_leaky(tmp_path):
            KEPT.append([tmp_path])
        """,
        "--leakhunt-fail",
        "--leakhunt-report",
        "report.json",
    )
    result.assert_outcomes(passed=3, errors=1)
    tests = {one["test"].partition("::")[2]: one for one in suite.report()["tests"]}
    assert tests["test_leaky"]["outcome"] == "leak"
    folder, archive = tests["test_folder"], tests["test_archive"]
    assert (folder["outcome"], archive["outcome"]) == ("cleared", "cleared")
    assert "what importing keeps of each folder, and each test has its own" in folder["notes"]
    assert "what importing keeps of each archive" in archive["notes"]


def test_what_a_test_gives_its_class_is_told(suite: Suite) -> None:
    result = suite.run(
        """
        class TestIt:
            KEPT = []

            @classmethod
            def setup_class(cls): ...

            def test_first(self): self.KEPT.append(Session())
            def test_then(self): type(self).session = Session()
        """,
        "--leakhunt",
    )
    text = words(result)
    assert "held by test_it.TestIt.KEPT" in text
    assert "held by test_it.TestIt.session" in text


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
            LOCAL.sessions = [1]
            vars(LAZY)["other"] = Session()
        """,
        "--leakhunt",
    )
    text = words(result)
    assert "1 shop.Session (" in text
    assert "held by test_it.LAZY.other" in text
    assert "held by test_it.LOCAL.sessions" in text
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


def test_objects_that_answer_no_question(suite: Suite) -> None:
    tests = """
        import functools, sys, types

        class Meta(type):
            __hash__ = None

            def __eq__(cls, other):
                raise RuntimeError("compared")

        class Odd(metaclass=Meta):
            def __getattr__(self, name):
                raise RuntimeError("asked for " + name)

            def __call__(self):
                pass

        class Name(str):
            def startswith(self, prefixes):
                raise RuntimeError("compared")

        def generate(): yield

        def test_odd():
            generate.__code__ = generate.__code__.replace(co_filename=Name("a file"))
            KEPT.append(generate())
            KEPT.append(Odd())
            KEPT.append(functools.partial(Odd()))
            sys.modules[7] = types.ModuleType("seven")

        def test_referrers():
            kept = Odd()
            kept.part = []
            assert gc.get_referrers(kept.part)
    """
    conftest = """
        class Plugin:
            def __hash__(self):
                assert not vars(self)  # pytest asks before the tests
                return 7

            def pytest_runtest_setup(self):
                self.is_running = True

        def pytest_configure(config):
            config.pluginmanager.register(Plugin())
    """
    later = "from shop import *\n\ndef test_later(): KEPT.append(Session())"
    result = suite.run(tests, "--leakhunt", conftest=conftest, test_later=later)
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    assert "1 test_it.Odd (" in words(result)
    assert "1 functools.partial (" in words(result)
