"""A program that does everything at once: threads that come and go, forks, children, two timers
that interrupt every system call, garbage collections.  It tells what went wrong, if anything:
python storm_program.py SECONDS
"""

from __future__ import annotations

import faulthandler
import gc
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

NUMBERS = [math.sin(i) for i in range(300)]
SUM = math.fsum(NUMBERS)
END = time.monotonic() + float(sys.argv[1])
problems: set[str] = set()


def expect(condition: object, what: str) -> None:
    if not condition:
        problems.add(what)


def work() -> None:
    reader, writer = os.pipe()
    while time.monotonic() < END:
        expect(math.fsum(NUMBERS) == SUM, "a sum changed")
        os.write(writer, b"x")
        expect(os.read(reader, 1) == b"x", "a pipe changed")
        blocks = [bytearray(random.randrange(2000)) for _ in range(50)]
        time.sleep(random.random() * 0.002)
        expect(not any(map(any, blocks)), "memory changed")


def start_threads() -> None:
    while time.monotonic() < END:
        thread = threading.Thread(target=math.fsum, args=(NUMBERS,))
        thread.start()
        thread.join()


def start_children() -> None:
    while time.monotonic() < END:
        expect(subprocess.run(["/bin/true"], check=False).returncode == 0, "a child failed")
        pid = os.fork()
        if pid == 0:
            os._exit(5)
        expect(os.waitpid(pid, 0)[1] == 5 << 8, "a fork failed")
        time.sleep(0.02)


def compute() -> None:
    while time.monotonic() < END:
        expect(math.fsum(NUMBERS) == SUM, "a sum changed")
        gc.collect(0)
        time.sleep(random.choice((0, 0, 0.0005)))


faulthandler.enable()
TIMERS = ((signal.ITIMER_REAL, signal.SIGALRM), (signal.ITIMER_PROF, signal.SIGPROF))
for timer, number in TIMERS:
    signal.signal(number, lambda *_: None)
    signal.setitimer(timer, 0.001, 0.001)
targets: list[Callable[[], None]] = [*[work] * 8, start_threads, start_children]
threads = [threading.Thread(target=target) for target in targets]
print("ready", flush=True)
for thread in threads:
    thread.start()
compute()
for thread in threads:
    thread.join()
for timer, _ in TIMERS:
    signal.setitimer(timer, 0)
print(sorted(problems) or "as it should be")
sys.exit(40)
