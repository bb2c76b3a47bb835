"""Activities of drawn heaps: what no program can be made to do at will."""

from __future__ import annotations

from leakhunt.agent.format import Fact
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.hunt.activities import Kind, list_activities
from tests.builders import Heap, Obj

NUMBER = 140_000


def thread(heap: Heap, name: str) -> Obj:
    """A thread object with the number they all share."""
    return heap.object("threading.Thread", _ident=heap.key(NUMBER), _name=heap.key(name))


def test_a_thread_that_ended_is_not_the_one_with_its_number() -> None:
    heap = Heap()
    ended = [thread(heap, "before")]
    running = thread(heap, "now")
    ended.append(thread(heap, "after"))
    heap.module("app", ENDED=heap.list(*ended), RUNNING=running)
    heap.module("threading", _active=heap.dict({NUMBER: running}))
    frame = heap.frame("thread 'now', serve() at app.py", 31)
    frame.facts.append((Fact.THREAD_ID, NUMBER))

    found = list_activities(HeapGraph(heap.snap("final")))
    states = {one.name: one.state for one in found if one.kind is Kind.THREAD}
    assert states == {"before": "ended", "now": "running", "after": "ended"}
