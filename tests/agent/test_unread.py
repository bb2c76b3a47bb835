"""Variables that no instruction reads: what the capture says against what `dis` says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.agent.format import Fact
from leakhunt.store.reader import open_snapshot
from leakhunt.target.interpreter import Interpreter
from tests.agent.served import Target
from tests.agent.snapshot_view import SnapshotView
from tests.agent.test_server import header

FUNCTIONS = """
import dis, types
@types.coroutine
def pause():
    yield

def uses_all(a, b=1, *rest, c=2, **others):
    return a, b, rest, c, others
def uses_none(a, b=1, *rest, c=2, **others):
    return 1
def uses_some(a, b, c, d):
    b = c
    return len("x") + c
def captures(a, b):
    return lambda: a
def only_deletes(a, b):
    del a
def only_stores(a, b):
    a = b = 1
def looks_around(a, b):
    return locals()
def evaluates(a, b):
    return eval("a")
class Base:
    def m(self): return 1
class Derived(Base):
    def m(self, x): return super().m()
    def unused_self(self, x): return x
def comprehends(a, b, c):
    return [a for i in b]
def many(aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, at, au, av, aw):
    return (aa, aw, ac, ad, ae) if ab else (ag, ag, ai, av)

async def waits(payload, kept):
    size = len(payload)
    await pause()
    return size, kept
async def loops(payload, size):
    while True:
        await pause()
        size += len(payload)
async def loops_without(payload, size):
    size = len(payload)
    while size:
        await pause()
        size -= 1
async def handles(payload, fallback):
    try:
        await pause()
    except OSError:
        return fallback
async def is_not_begun(payload, other):
    return other
async def long_loop(payload, size):
    while size:
        await pause()
        %s
        size -= len(payload)
def generates(first, second, third):
    yield first
    yield second
    third = None
""" % "\n        ".join(f"size += size * {i} - {i}.5" for i in range(90))  # noqa: UP031

STEP = """
suspended = {}
for function, arguments in (
    (waits, ("p", "k")), (loops, ("p", 1)), (loops_without, ("p", 1)), (handles, ("p", "f")),
    (long_loop, ("p", 1)), (generates, (1, 2, 3)),
):
    made = function(*arguments)
    made.send(None)
    suspended[function.__name__] = made
suspended["is_not_begun"] = is_not_begun("p", "o")
"""

ORACLE = """
READS = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE", "DELETE_FAST", "LOAD_CLASSDEREF", "MAKE_CELL",
         "STORE_FAST_LOAD_FAST", "LOAD_FROM_DICT_OR_DEREF")
def read_names(code):
    names = set()
    for at in dis.get_instructions(code):
        if at.opname == "STORE_FAST_LOAD_FAST":
            names.add(at.argval[1])
        elif at.opname.startswith(READS):
            names.update(at.argval if isinstance(at.argval, tuple) else (at.argval,))
    return names
def unread_arguments(code):
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 4) + bool(code.co_flags & 8)
    names = read_names(code)
    return [name for name in code.co_varnames[:count] if name not in names]
OTHER_WAYS = {"locals", "vars", "eval", "exec", "dir", "super", "_getframe", "currentframe",
              "stack", "breakpoint"}
def codes():
    found, todo = {}, [o.__code__ for o in gc.get_objects() if isinstance(o, types.FunctionType)]
    while todo:
        code = todo.pop()
        if id(code) not in found:
            found[id(code)] = code
            todo += [one for one in code.co_consts if isinstance(one, types.CodeType)]
    # What runs this is a function of its own, made after the capture.
    return {at: code for at, code in found.items() if code.co_name != "<module>"}
def expected():
    return {
        at: [] if OTHER_WAYS & set(code.co_names) else unread_arguments(code)
        for at, code in codes().items()
    }
def variables():
    return {at: code.co_varnames for at, code in codes().items()}
"""


@pytest.fixture
def target(python: Interpreter, agent: Path) -> Iterator[Target]:
    with Target(python, agent) as target:
        target.run(FUNCTIONS + STEP + ORACLE)
        yield target


def view_of(target: Target, path: Path) -> SnapshotView:
    with target.connect() as connection:
        connection.capture(path, header())
    return SnapshotView(open_snapshot(path))


def unread_of(view: SnapshotView, address: int, names: list[str]) -> list[str]:
    """What the fact of an object says, by name."""
    node = view.node(address)
    assert node is not None
    mask = view.facts(node).get(Fact.UNREAD.name, 0)
    return [name for i, name in enumerate(names) if mask >> i & 1]


def test_arguments_that_no_instruction_reads(target: Target, tmp_path: Path) -> None:
    view = view_of(target, tmp_path / "one.lkheap")
    # At once: what the agent runs to take its leave may go meanwhile.
    expected, names = target.run("", "[expected(), variables()]")
    told = {at: unread_of(view, int(at), names[at]) for at in expected}
    wrong = {at: one for at, one in told.items() if not set(one) <= set(expected[at])}
    assert wrong == {}
    assert len(told) > 500
    # What looks like a reading in an inline cache makes it miss some, never many.
    assert sum(map(len, told.values())) > 0.9 * sum(map(len, expected.values())) > 50


@pytest.mark.parametrize(
    ("function", "unread"),
    [
        ("uses_all", []), ("uses_none", ["a", "b", "c", "rest", "others"]),
        ("uses_some", ["a", "b", "d"]),
        ("captures", ["b"]), ("only_deletes", ["b"]), ("only_stores", ["a", "b"]),
        ("looks_around", []), ("evaluates", []), ("Derived.m", []),
        ("Derived.unused_self", ["self"]), ("comprehends", ["c"]),
        ("many", ["af", "ah", "aj", "ak", "al", "am", "an", "ao", "ap", "aq", "ar", "at", "au"]),
    ],
)  # fmt: skip
def test_arguments_of_one_function(
    target: Target, tmp_path: Path, function: str, unread: list[str]
) -> None:
    view = view_of(target, tmp_path / "one.lkheap")
    address, names = target.run("", f"[id({function}.__code__), {function}.__code__.co_varnames]")
    assert unread_of(view, address, names) == unread


@pytest.mark.parametrize(
    ("name", "unread"),
    [
        ("waits", ["payload"]), ("loops", []), ("loops_without", ["payload"]),
        ("handles", ["payload"]), ("is_not_begun", ["payload"]), ("long_loop", []),
        ("generates", ["first", "third"]),
    ],
)  # fmt: skip
def test_variables_of_what_is_suspended(
    target: Target, tmp_path: Path, name: str, unread: list[str]
) -> None:
    view = view_of(target, tmp_path / "one.lkheap")
    address, names = target.run("", f"[id(suspended[{name!r}]), {name}.__code__.co_varnames]")
    assert unread_of(view, address, names) == unread


def test_what_is_instrumented_is_left_alone(
    target: Target, tmp_path: Path, python: Interpreter
) -> None:
    if python.version[:2] == (3, 11):
        pytest.skip("3.11 traces without changing the code")
    target.run("sys.settrace(lambda *_: None)\nuses_none(1)\nsys.settrace(None)")
    target.run(
        "sys.monitoring.use_tool_id(3, 'test')\n"
        "sys.monitoring.set_events(3, sys.monitoring.events.LINE)\nuses_none(1)"
    )
    view = view_of(target, tmp_path / "one.lkheap")
    address = target.run("", "id(uses_none.__code__)")
    assert unread_of(view, address, ["a", "b", "c", "rest", "others"]) == []
