"""asyncio in words, from drawings: what tasks wait for, who could wake them, what is stuck."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.awaits import Awaits, TaskWait
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj


class Loop:
    """Draws tasks."""

    def __init__(self) -> None:
        self.heap = Heap()
        self.kept = self.heap.set()
        self.heap.module("app", TASKS=self.kept)

    def future(self) -> Obj:
        return self.heap.object("_asyncio.Future").fact(Fact.STATE, 0)

    def coroutine(self, name: str, line: int, awaited: Obj | None = None) -> Obj:
        code = self.heap.object("builtins.code").field("co_filename", self.heap.str("app.py"))
        drawn = self.heap.object("builtins.coroutine").fact(Fact.LINE, line)
        drawn.field("__qualname__", self.heap.str(name)).field("code", code)
        return drawn if awaited is None else drawn.link(EdgeKind.STACK, 0, awaited)

    def task(self, coroutine: Obj, future: Obj | None, *, is_kept: bool = True) -> Obj:
        task = self.heap.object("_asyncio.Task", _coro=coroutine).fact(Fact.STATE, 0)
        if future is not None:
            task.set(_fut_waiter=future)
            wakeup = self.heap.object("builtins.builtin_function_or_method")
            future.set(_callback0=wakeup.field("__self__", task))
        if is_kept:
            self.kept.add(task)
        return task

    def waits(self) -> list[TaskWait]:
        awaits = Awaits(HeapGraph(self.heap.snap()))
        return [awaits.wait(node) for node in awaits.nodes]


def test_where_a_task_awaits() -> None:
    loop = Loop()
    future = loop.future()
    inner = loop.coroutine("Client.read", 20)
    inner.link(EdgeKind.LOCAL, "reply", future)
    loop.task(loop.coroutine("Client.ask", 7, inner), future)
    (wait,) = loop.waits()
    assert [str(frame) for frame in wait.stack] == [
        "Client.ask (app.py:7)",
        "Client.read (app.py:20)",
    ]


def test_a_future_held_by_its_own_task_only_is_stuck() -> None:
    loop = Loop()
    future = loop.future()
    coroutine = loop.coroutine("wait", 3)
    coroutine.link(EdgeKind.LOCAL, "future", future)
    loop.task(coroutine, future)
    (wait,) = loop.waits()
    assert wait.is_stuck
    assert wait.wakers == ()


def test_a_future_in_a_global_table_can_be_resolved() -> None:
    loop = Loop()
    future = loop.future()
    loop.heap.module("app", PENDING=loop.heap.dict({"17": future}))
    loop.task(loop.coroutine("ask", 3), future)
    (wait,) = loop.waits()
    assert not wait.is_stuck
    assert wait.wakers == ("whoever resolves what `app.PENDING` holds",)


def test_an_event_is_named_with_its_call() -> None:
    loop = Loop()
    future = loop.future()
    waiters = loop.heap.list(future, type_name="collections.deque")
    loop.heap.module("app", READY=loop.heap.object("asyncio.locks.Event", _waiters=waiters))
    loop.task(loop.coroutine("ask", 3), future)
    (wait,) = loop.waits()
    assert wait.wakers == ("`app.READY.set()`",)


def test_two_tasks_that_wait_for_each_other_are_stuck() -> None:
    loop = Loop()
    first, second = loop.future(), loop.future()
    one = loop.coroutine("one", 1).link(EdgeKind.LOCAL, "peer", second)
    two = loop.coroutine("two", 2).link(EdgeKind.LOCAL, "peer", first)
    loop.task(one, first)
    loop.task(two, second)
    assert [wait.is_stuck for wait in loop.waits()] == [True, True]


def test_a_task_that_a_runnable_one_will_wake_is_not_stuck() -> None:
    loop = Loop()
    future = loop.future()
    runner = loop.coroutine("runner", 1).link(EdgeKind.LOCAL, "reply", future)
    loop.task(runner, None)
    loop.task(loop.coroutine("waiter", 2), future)
    waits = loop.waits()
    assert [wait.is_stuck for wait in waits] == [False, False]
    assert [wait.future is None for wait in waits] == [True, False]


def test_a_chain_of_wakes_is_followed_to_its_end() -> None:
    loop = Loop()
    futures = [loop.future() for _ in range(5)]
    loop.heap.module("app", FIRST=futures[0])
    for i, future in enumerate(futures):
        coroutine = loop.coroutine(f"step{i}", i)
        if i + 1 < len(futures):
            coroutine.link(EdgeKind.LOCAL, "following", futures[i + 1])
        loop.task(coroutine, future)
    assert not any(wait.is_stuck for wait in loop.waits())


def test_waiting_for_a_task_names_it() -> None:
    loop = Loop()
    child_future = loop.future()
    loop.heap.module("app", FUTURE=child_future)
    child = loop.task(loop.coroutine("child", 1), child_future, is_kept=False)
    child.set(_name=loop.heap.str("Task-9"))
    parent = loop.coroutine("parent", 2).link(EdgeKind.LOCAL, "child", child)
    loop.task(parent, child)
    by_function = {wait.stack[0].function: wait for wait in loop.waits()}
    assert by_function["parent"].task == by_function["child"].node
    assert by_function["parent"].wakers == ("the end of task Task-9",)
    assert not by_function["parent"].is_stuck


def test_done_tasks_are_left_out() -> None:
    loop = Loop()
    loop.task(loop.coroutine("done", 1), None).facts[:] = [(Fact.STATE, 2)]
    assert loop.waits() == []


def test_gathered_tasks_are_what_is_waited_for() -> None:
    loop = Loop()
    child_future = loop.future()
    loop.heap.module("app", FUTURE=child_future)
    child = loop.task(loop.coroutine("child", 1), child_future, is_kept=False)
    gathering = loop.heap.object("asyncio.tasks._GatheringFuture").fact(Fact.STATE, 0)
    gathering.set(_children=loop.heap.list(child))
    child.set(_callback0=loop.heap.object("builtins.cell").field("outer", gathering))
    loop.task(loop.coroutine("parent", 2), gathering)
    by_function = {wait.stack[0].function: wait for wait in loop.waits()}
    assert by_function["parent"].task == by_function["child"].node
    assert by_function["parent"].wakers == ("the end of the tasks it gathers",)
