"""HTTP clients and servers."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.ended import is_member, is_none, is_true
from leakhunt.detectors.rows import Kind, Registry, Row

ROWS: tuple[Row, ...] = (
    Kind(
        Category.STREAM,
        frozenset({"aiohttp.client.ClientSession"}),
        "Make one session for the life of the program, or `await session.close()` in a finally "
        "(`async with ClientSession() as session`): each keeps its connector and pool.",
        noun="Unclosed session",
        ended=is_none("_connector"),
    ),
    Kind(
        Category.STREAM,
        frozenset({"aiohttp.client_reqrep.ClientResponse"}),
        "Read each response to its end or release it: `async with session.get(...) as response`, "
        "or `response.release()`.",
        noun="Unreleased response",
        ended=is_true("_closed"),
    ),
    Registry(
        Category.STREAM,
        frozenset({"aiohttp.connector.BaseConnector"}),
        ("._acquired", "._acquired_per_host", "._conns"),
        "Connections stay acquired until their response is read or released: use "
        "`async with session.get(...) as response`.",
        noun="Connection never released",
    ),
    Registry(
        Category.LISTENER,
        frozenset({"aiohttp.web_app.Application", "aiohttp.web_urldispatcher.UrlDispatcher"}),
        ("",),
        "Add handlers, callbacks and routes once, before the application starts.",
    ),
    Kind(
        Category.STREAM,
        frozenset({"httpx.AsyncClient"}),
        "Make one client for the life of the program, or `await client.aclose()` in a finally "
        "(`async with httpx.AsyncClient() as client`).",
        noun="Unclosed client",
        ended=is_member("_state", "CLOSED"),
    ),
    Kind(
        Category.STREAM,
        frozenset({"httpx.Client"}),
        "Make one client for the life of the program, or call `client.close()` in a finally "
        "(`with httpx.Client() as client`).",
        noun="Unclosed client",
        ended=is_member("_state", "CLOSED"),
    ),
    Kind(
        Category.STREAM,
        frozenset({"httpx.Response"}),
        "Close streamed responses: `with client.stream(...) as response`, or `response.close()`.",
        noun="Unclosed response",
        ended=is_true("is_closed"),
    ),
    Registry(
        Category.LISTENER,
        frozenset({"requests.sessions.Session", "httpx._client.BaseClient"}),
        (".hooks", "._event_hooks"),
        "Add hooks to `{owner}` once, when it is made; for one request pass `hooks=` to that call.",
        noun="Hook added per request",
    ),
    Kind(
        Category.STREAM,
        frozenset({"requests.sessions.Session"}),
        "Make one session and reuse it, or close it: `with requests.Session() as session`.",
        noun="Unclosed session",
    ),
    Kind(
        Category.STREAM,
        frozenset({"requests.models.Response", "urllib3.response.BaseHTTPResponse"}),
        "Read the body or close it: `with session.get(..., stream=True) as response`, or "
        "`response.close()` (`release_conn()` in urllib3).",
        noun="Unclosed response",
        ended=is_true("_content_consumed"),
    ),
    Kind(
        Category.STREAM,
        frozenset({"urllib3.poolmanager.PoolManager", "urllib3.connectionpool.ConnectionPool"}),
        "Make one `PoolManager` for the program, or call its `.clear()` when it is done with.",
        noun="Unclosed pool",
    ),
)
