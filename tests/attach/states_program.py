"""A program in one of ten states.  It ends by itself after some seconds, tells whether all was
as it should be, and exits with a status of its own: python states_program.py STATE SECONDS

With us or without us, its output and its exit code are the same.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable

STATE, SECONDS = sys.argv[1], float(sys.argv[2])
# The kernel restarts select with the time that was left: each stop makes it later by its length.
LATE_S = max(2.0, SECONDS / 4)
NUMBERS = [math.sin(i) for i in range(500)]
SUM = math.fsum(NUMBERS)
KEPT = [{"i": i} for i in range(20000)]
ticks = 0
problems: list[str] = []


def expect(condition: object, what: str) -> None:
    if not condition and what not in problems:
        problems.append(what)


def tick(number: int, frame: object) -> None:
    global ticks
    ticks += 1


def compute(until: float) -> None:
    """Python code whose floating-point results are known."""
    while time.monotonic() < until:
        expect(math.fsum(NUMBERS) == SUM, "a sum changed")
        total = 0.0
        for x in NUMBERS:
            total += x * 0.5
        expect(abs(total - SUM / 2) < 1e-9, "a product changed")


def in_time(wait: Callable[[], object]) -> None:
    """Does ``wait`` take the time it was given, no less and not much more?"""
    started = time.monotonic()
    wait()
    took = time.monotonic() - started
    expect(took > SECONDS - 0.01, "a wait ended early")
    expect(took < SECONDS + LATE_S, "a wait ended late")


def busy() -> None:
    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    compute(time.monotonic() + SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 0)
    expect(ticks > SECONDS * 50, "signals were lost")


def malloc() -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        blocks = [bytearray(600 + i) for i in range(200)]
        knot: dict[object, object] = {i: [i] for i in range(200)}
        knot["self"] = knot
        expect(sum(map(len, blocks)) == 139900, "blocks changed")
        gc.collect(0)


def collect() -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        gc.collect()


def lock() -> None:
    threading.Thread(target=compute, args=(time.monotonic() + SECONDS,)).start()
    held = threading.Lock()
    held.acquire()
    in_time(lambda: expect(not held.acquire(timeout=SECONDS), "a lock was got"))


def selecting() -> None:
    reader, _ = os.pipe()
    in_time(lambda: expect(select.select([reader], [], [], SECONDS) == ([], [], []), "ready"))


def join() -> None:
    def wait() -> None:
        sleeper = threading.Thread(target=time.sleep, args=(SECONDS,))
        sleeper.start()
        sleeper.join()

    in_time(wait)


def parked() -> None:
    reader, writer = os.pipe()
    threading.Thread(target=os.read, args=(reader, 1), daemon=True).start()
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    in_time(lambda: threading.Event().wait(SECONDS))
    os.close(writer)


def c_call() -> None:
    """C code that holds the interpreter's lock; what waited for it runs after it."""
    in_time(lambda: ctypes.PyDLL(None).usleep(int(SECONDS * 1e6)))
    time.sleep(0.5)


STATES: dict[str, Callable[[], None]] = {
    "malloc": malloc,
    "gc": collect,
    "busy": busy,
    "lock": lock,
    "select": selecting,
    "sleep": lambda: in_time(lambda: time.sleep(SECONDS)),
    "epoll": lambda: in_time(lambda: asyncio.run(asyncio.sleep(SECONDS))),
    "join": join,
    "c-call": c_call,
    "parked": parked,
}

names_before = set(globals())
modules_before = set(sys.modules)
threads_before = threading.active_count()
print("ready", flush=True)
STATES[STATE]()
expect(len(KEPT) == 20000 and all(k["i"] == i for i, k in enumerate(KEPT)), "data changed")
if STATE != "parked":
    expect(threading.active_count() == threads_before, "a thread stayed")
expect(
    set(globals()) - names_before
    == {"names_before", "modules_before", "threads_before"} - names_before,
    "names stayed",
)
grown = sorted(set(sys.modules) - modules_before)
print(STATE, problems or "as it should be", grown)
sys.exit(40 + len(problems))
