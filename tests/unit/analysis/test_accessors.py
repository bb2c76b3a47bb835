"""Public names of what libraries keep at private places: written, and read again."""

from __future__ import annotations

import numpy as np
import pytest

from leakhunt.analysis.paths import PathNamer
from leakhunt.analysis.resolve import Resolver
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj

MOCK = "unittest.mock.MagicMock"


def written(heap: Heap, made: Obj) -> tuple[str, HeapGraph, int]:
    graph = HeapGraph(heap.snap())
    heap_count = graph.columns.heap_count
    node = int(np.searchsorted(graph.columns.node_address[:heap_count], made.address))
    return str(PathNamer(graph).path(node)), graph, node


def expect(heap: Heap, made: Obj, path: str) -> None:
    """It is written so, and what is written leads to it."""
    text, graph, node = written(heap, made)
    assert text == path
    assert Resolver(graph).resolve(text).nodes.tolist() == [node]


def test_the_calls_of_a_mock() -> None:
    heap = Heap()
    calls, arguments = heap.list(), heap.list()
    post = heap.object(MOCK, _mock_mock_calls=calls, _mock_call_args_list=arguments)
    client = heap.object(MOCK, _mock_children=heap.dict({"post": post}))
    heap.module("app", CLIENT=client)
    expect(heap, calls, "app.CLIENT.post.mock_calls")
    expect(heap, arguments, "app.CLIENT.post.call_args_list")
    expect(heap, post, "app.CLIENT.post")


def test_a_key_that_is_no_name_stays_a_key() -> None:
    heap = Heap()
    calls = heap.list()
    result = heap.object(MOCK, _mock_mock_calls=calls)
    heap.module("app", X=heap.object(MOCK, _mock_children=heap.dict({"()": result})))
    expect(heap, calls, "app.X._mock_children['()'].mock_calls")


def test_other_objects_keep_their_attributes() -> None:
    heap = Heap()
    calls = heap.list()
    heap.module("app", X=heap.object("app.Mine", _mock_mock_calls=calls))
    expect(heap, calls, "app.X._mock_mock_calls")
    _, graph, _ = written(heap, calls)
    with pytest.raises(UsageError, match=r"has no \.mock_calls"):
        Resolver(graph).resolve("app.X.mock_calls")


def test_a_real_attribute_of_that_name_comes_first() -> None:
    heap = Heap()
    own, private = heap.list(), heap.list()
    heap.module("app", X=heap.object(MOCK, mock_calls=own, _mock_mock_calls=private))
    _, graph, node = written(heap, own)
    assert Resolver(graph).resolve("app.X.mock_calls").nodes.tolist() == [node]


def test_the_registry_of_loggers() -> None:
    heap = Heap()
    table = heap.dict()
    manager = heap.object("logging.Manager", loggerDict=table)
    heap.module("logging", Logger=heap.cls("logging.Logger", manager=manager))
    expect(heap, table, "logging.root.manager.loggerDict")
    expect(heap, manager, "logging.root.manager")


def test_the_environment() -> None:
    heap = Heap()
    value = heap.list()
    environ = heap.dict().put("HOME", value)
    heap.module("posix", environ=environ)
    expect(heap, environ, "os.environ")
    expect(heap, value, "os.environ['HOME']")


@pytest.mark.parametrize(
    ("alias", "path"),
    [
        ("default", "django.db.connection.queries_log"),
        ("replica", "django.db.connections._connections._storage.replica.queries_log"),
    ],
)
def test_a_connection_of_django(alias: str, path: str) -> None:
    heap = Heap()
    log = heap.list()
    kind = "django.db.backends.sqlite3.base.DatabaseWrapper"
    storage = heap.object("app.Storage").field(alias, heap.object(kind, queries_log=log))
    local = heap.object("asgiref.local.Local", _storage=storage)
    connections = heap.object("django.db.utils.ConnectionHandler", _connections=local)
    heap.module("django.db", connections=connections)
    expect(heap, log, path)
