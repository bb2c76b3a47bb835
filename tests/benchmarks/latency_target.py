"""An aiohttp service that owns many objects: ``python latency_target.py OBJECTS``.

Prints its port on a line of its own.  Each request makes and drops some objects and exchanges one
that is kept, so the heap stays as large as it is.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import synthetic_heap
from aiohttp import web

KEPT: list[Any] = []


async def answer(request: web.Request) -> web.Response:
    """What a small request costs."""
    number = int(request.query["n"])
    rows = [{"id": i, "name": f"row {i}", "number": number} for i in range(50)]
    KEPT[number % len(KEPT)] = rows
    return web.json_response({"n": number, "rows": len(rows)})


async def serve() -> None:
    """Until the process is ended."""
    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    KEPT.extend(synthetic_heap.build(int(float(sys.argv[1]))))
    asyncio.run(serve())
