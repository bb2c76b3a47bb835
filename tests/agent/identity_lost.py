"""Runs inside a target: programs of which some lose objects in C, and most lose none.

``PYTHON -m tests.agent.identity_lost AGENT.so FOLDER PROGRAM [MODE]``: standard library only.
Captures the baseline as ``FOLDER/0.lkheap``, then after each of three equal loads ``1`` to ``3``.
"""

# As little as possible is imported in a target.
# ruff: noqa: PTH118, PTH123
from __future__ import annotations

import array
import asyncio
import ctypes
import gc
import json
import logging
import os
import re
import sqlite3
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from tests.agent.agent_loader import header, load

LOST_A_ROUND = 50
DOCUMENT = [
    {"id": i, "name": f"user {i}", "tags": [f"a{i}", "b"], "score": i * 1.5} for i in range(500)
]


def lose(made: Any) -> None:
    """What a C extension does that forgets to give a reference back."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))


def losing(k: int) -> None:
    for i in range(LOST_A_ROUND):
        n = k * 100_000 + i
        lose(f"lost {n}")
        lose(b"lost %d" % n)
        lose(n + 0.5)
        lose(n + (1 << 40))
        lose((n, str(n)))
        lose(complex(n, 1))
    gc.collect()  # tuples of atoms leave the collector's lists: nothing finds them now


def idle(k: int) -> None:
    pass


def json_loop(k: int) -> None:
    for _ in range(20):
        json.loads(json.dumps(DOCUMENT))


class Echo:
    """A server and its clients, made once."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()

    async def client(self) -> None:
        reader, writer = await asyncio.open_connection(*self.server.sockets[0].getsockname())
        for i in range(100):
            writer.write(b"hello %d\n" % i)
            await reader.readline()
        writer.close()
        await writer.wait_closed()

    async def clients(self) -> None:
        await asyncio.gather(*(self.client() for _ in range(10)))
        await asyncio.sleep(0.05)

    def __call__(self, k: int) -> None:
        self.loop.run_until_complete(self.clients())


class Database:
    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("create table t (a, b, c)")

    def __call__(self, k: int) -> None:
        for i in range(300):
            self.connection.execute("insert into t values (?, ?, ?)", (i, f"text {i}", i * 0.5))
        self.connection.commit()
        for _ in self.connection.execute("select * from t where a > 5"):
            pass
        self.connection.execute("delete from t")


class Mixture:
    """Parsers, patterns, threads, logging, code: users of buffers of all kinds."""

    def __init__(self) -> None:
        self.log = logging.getLogger("mixture")
        self.log.addHandler(logging.StreamHandler(open(os.devnull, "w")))  # noqa: SIM115
        self.kept: list[Any] = []

    def __call__(self, k: int) -> None:
        tree = ET.fromstring("<a>" + "<b c='1'>text</b>" * 300 + "</a>")
        ET.tostring(tree)
        for i in range(100):
            re.sub(rf"(\w+){i}", r"\1", "word word1 word2 " * 20)
            exec(f"def f{i}(x=[1, 2]): return [y for y in x]", {})
            self.log.warning("line %d", i)
            array.array("q", range(100)).append(5)
            bytearray(1000).extend(b"x" * i)
            type(f"Made{i}", (), {"a": i})()
        threads = [threading.Thread(target=json.dumps, args=(DOCUMENT,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.kept = [bytearray(100), array.array("q", [1]), {"k": [1]}, "ascii \u20ac".encode()]


PROGRAMS: dict[str, Callable[[], Callable[[int], None]]] = {
    "losing": lambda: losing,
    "idle": lambda: idle,
    "json": lambda: json_loop,
    "echo": Echo,
    "database": Database,
    "mixture": Mixture,
}


def main() -> None:
    agent = load(sys.argv[1])
    mode = sys.argv[4] if len(sys.argv) > 4 else "in-process"
    load_once = PROGRAMS[sys.argv[3]]()
    load_once(9)
    gc.collect()
    agent.birth_start()
    for k in range(4):
        if k:
            load_once(k)
        path = os.path.join(sys.argv[2], f"{k}.lkheap")
        agent.capture(path, header(), mark=True, mode=mode)
    agent.birth_stop()


if __name__ == "__main__":
    main()
