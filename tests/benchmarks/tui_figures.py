"""Figures of the terminal interface: ``python -m tests.benchmarks.tui_figures``.

A heap of ten million objects, captured thrice and analysed, and one with an object that a
million others refer to, are opened in a real terminal (tmux) and walked: time to the first paint,
time from each key to the changed screen, memory beyond the mapped file, quitting amid a
comparison, and the processor time of a screen that nobody touches.  Polling tmux costs some 5 ms
an answer.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from leakhunt.hunt.notebook import notebook_path
from tests.benchmarks.analysis_figures import capture, run

HERE = Path(__file__).parent
LABELS = ("baseline", "loaded", "final")
WIDTH, HEIGHT = 120, 40
PATIENCE_S = 60.0
_NUMBERS = itertools.count()


class Terminal:
    """A program in tmux, on a server of its own."""

    def __init__(self, command: list[str]) -> None:
        self._name = f"leakhunt-figures-{os.getpid()}-{next(_NUMBERS)}"
        self.started = time.perf_counter()
        line = "exec " + " ".join(f"'{word}'" for word in command)
        self._tmux("new-session", "-d", "-s", "it", "-x", str(WIDTH), "-y", str(HEIGHT), line)
        self.pid = int(self._tmux("list-panes", "-t", "it", "-F", "#{pane_pid}"))

    def _tmux(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *words],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def screen(self) -> str:
        """What it shows."""
        return self._tmux("capture-pane", "-e", "-p", "-t", "it")

    def until(self, is_there: Callable[[str], bool]) -> float:
        """Seconds until the screen is as wanted."""
        start = time.perf_counter()
        while not is_there(screen := self.screen()):
            if time.perf_counter() - start > PATIENCE_S:
                raise TimeoutError(screen)
        return time.perf_counter() - start

    def press(self, key: str) -> float:
        """Seconds from a key to a screen that is not as before."""
        before = self.rest()  # else what an earlier key still draws would count
        self._tmux("send-keys", "-t", "it", key)
        return self.until(lambda screen: screen != before)

    def write(self, text: str) -> None:
        """Type a text."""
        self._tmux("send-keys", "-t", "it", "-l", text)

    def rest(self, seconds: float = 0.15) -> str:
        """The screen, once it stays as it is for a while."""
        last, since = self.screen(), time.perf_counter()
        while time.perf_counter() - since < seconds:
            time.sleep(0.03)
            if (screen := self.screen()) != last:
                last, since = screen, time.perf_counter()
        return last

    def own_bytes(self) -> int:
        """Private memory that no file backs, with what was written to of files."""
        size, is_of_file = 0, False
        for line in Path(f"/proc/{self.pid}/smaps").read_text("utf-8", "replace").splitlines():
            if "-" in (first := line.split()[0]):
                is_of_file = "/" in line
            elif first == "Private_Dirty:" or (first == "Private_Clean:" and not is_of_file):
                size += int(line.split()[1]) * 1024
        return size

    def idle_share(self, seconds: float) -> float:
        """Share of a processor that it takes while nobody presses a key."""
        self.rest(1.0)
        before = self._cpu_s()
        time.sleep(seconds)
        return (self._cpu_s() - before) / seconds

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8", "replace").rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def quit(self) -> float:
        """Seconds from `q` until the program is gone."""
        self._tmux("send-keys", "-t", "it", "q")
        start = time.perf_counter()
        while self._is_there():
            time.sleep(0.01)
        return time.perf_counter() - start

    def _is_there(self) -> bool:
        with suppress(OSError):  # tmux takes its time to take leave of a child that ended
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False

    def close(self) -> None:
        """End it, and wait for that: told to leave, it writes down where the person was."""
        subprocess.run(
            ["tmux", "-L", self._name, "kill-server"], check=False, stderr=subprocess.DEVNULL
        )
        while self._is_there():
            time.sleep(0.01)


@contextmanager
def analysed(folder: Path | None, objects: float, members: float) -> Iterator[Path]:
    """A folder with three snapshots and one with a hub, all with their caches."""
    with tempfile.TemporaryDirectory(prefix="leakhunt-figures-") as made:
        where = folder or Path(made)
        where.mkdir(exist_ok=True)
        if not (where / "hub.lkheap").exists():
            hub_target = str(HERE / "hub_target.py")
            run([sys.executable, hub_target, str(members), str(where)])
            (where / "final.lkheap").rename(where / "hub.lkheap")
            capture("synthetic", objects, where)
        for name in (*LABELS, "hub"):
            file = str(where / f"{name}.lkheap")
            run([sys.executable, "-m", "leakhunt", "analyse", file], quiet=True)
        yield where


def hub(file: Path) -> tuple[int, int]:
    """Address and referrers of the object that most refer to."""
    import numpy as np

    from leakhunt.hunt.heaps import open_heap

    graph = open_heap(file).graph
    count = np.diff(graph.reverse[0][: graph.columns.heap_count + 1])
    node = int(np.argmax(count))
    return int(graph.columns.node_address[node]), int(count[node])


def walk(terminal: Terminal, address: int) -> Iterator[tuple[str, float]]:
    """A walk through the heap: what a key was for, and how long it took."""
    for key, what in (("2", "types"), ("Down", "move"), ("s", "sort"), ("s", "sort")):
        yield what, terminal.press(key)
    for key in ("Down", "NPage", "NPage", "Home"):
        yield "move in types", terminal.press(key)
    yield "largest type: first answer", terminal.press("Enter")
    terminal.rest()
    for key in ("Down", "NPage", "NPage", "End", "PPage", "Home", "Down", "Down"):
        yield "move in instances", terminal.press(key)
    yield "walk an instance", terminal.press("Enter")
    terminal.rest()
    for key in ("Right", "Left", "Enter", "["):
        yield "walk", terminal.press(key)
    yield "search", terminal.press("/")
    terminal.write(f"@{address:x}")
    terminal.until(lambda screen: "path " in screen)
    yield "open the hub", terminal.press("Enter")
    for key in ("Down", "Down", "NPage", "End", "Up", "Enter", "g", "g"):
        yield "walk the hub", terminal.press(key)
    for key in ("[", "]", "1", "2", "3"):
        yield "views", terminal.press(key)


@contextmanager
def shown(*files: Path) -> Iterator[Terminal]:
    """The screens on some snapshots, as if for the first time."""
    notebook_path(files[-1]).unlink(missing_ok=True)
    terminal = Terminal([sys.executable, "-m", "leakhunt", "tui", *map(str, files)])
    try:
        yield terminal
    finally:
        terminal.close()
        notebook_path(files[-1]).unlink(missing_ok=True)


def show(what: str, figure: str, about: str) -> None:
    """One figure."""
    print(f"{what:14} {figure:>8}   {about}", flush=True)


def milliseconds(seconds: float) -> str:
    """In words."""
    return f"{seconds * 1e3:.0f} ms"


def megabytes(size: int) -> str:
    """In words."""
    return f"{size / 1e6:.0f} MB"


def one_heap(file: Path, rounds: int) -> None:
    """Keys, paints and memory on one analysed snapshot."""
    address, referrers = hub(file)
    paints, opens, times, memory = [], [], [], 0
    slow: dict[str, float] = {}
    for _ in range(rounds):
        with shown(file) as terminal:
            terminal.until(lambda screen: "1 Case" in screen)
            paints.append(time.perf_counter() - terminal.started)
            terminal.until(lambda screen: " reference" in screen)
            opens.append(time.perf_counter() - terminal.started)
            terminal.rest(1.0)
            for what, seconds in walk(terminal, address):
                times.append(seconds)
                slow[what] = max(slow.get(what, 0.0), seconds)
            memory = max(memory, terminal.own_bytes())
    times.sort()
    p95 = times[int(len(times) * 0.95)]
    worst = f"p95 {milliseconds(p95)}, max {milliseconds(times[-1])}, of {len(times)}"
    print(f"\n{file.name}: one object has {referrers:,} referrers")
    show("first paint", milliseconds(statistics.median(paints)), "median; promised 1 s")
    show("heap open", milliseconds(statistics.median(opens)), "median")
    show("a key", milliseconds(statistics.median(times)), f"{worst}; promised p95 100 ms")
    show("memory", megabytes(memory), "private, beyond mapped files; promised 300 MB")
    for what, seconds in sorted(slow.items(), key=lambda item: -item[1])[:8]:
        show("", milliseconds(seconds), f"slowest: {what}")


def three_heaps(files: list[Path]) -> None:
    """A comparison of three, its whole populations, and quitting amid it."""
    print("\nthree snapshots compared")
    with shown(*files) as terminal:
        terminal.until(lambda screen: "1 Case" in screen)
        time.sleep(1.5)
        show("q amid it", milliseconds(terminal.quit()), "until the program is gone; promised 1 s")
    with shown(*files) as terminal:
        terminal.until(lambda screen: "1 Case" in screen)
        show("first paint", milliseconds(time.perf_counter() - terminal.started), "promised 1 s")
        most = 0

        def is_compared(screen: str) -> bool:
            nonlocal most
            most = max(most, terminal.own_bytes())
            return "listener" in screen

        took = terminal.until(is_compared)
        show("compared", f"{took:.1f} s", f"at most {megabytes(most)} while it runs")
        show("memory", megabytes(terminal.own_bytes()), "then; promised 300 MB")
        terminal.press("3")
        terminal.rest(1.0)
        terminal.press("p")
        terminal.until(lambda screen: " members" in screen)
        terminal.rest(1.0)
        show("memory", megabytes(terminal.own_bytes()), "with a whole population listed")


def idle(file: Path, seconds: float) -> None:
    """Processor time while nobody presses a key."""
    print("\nnobody presses a key")
    with shown(file) as terminal:
        terminal.until(lambda screen: " reference" in screen)
        for key, name in (("3", "Chain"), ("4", "Dominators"), ("1", "Case")):
            terminal.press(key)
            show(name, f"{terminal.idle_share(seconds):.2%}", "of a processor")
    program = "import time\nwhile True: time.sleep(1)"
    with subprocess.Popen([sys.executable, "-c", program]) as target:
        terminal = Terminal([sys.executable, "-m", "leakhunt", "tui", str(target.pid)])
        try:
            terminal.until(lambda screen: "live blocks" in screen)
            show("Live", f"{terminal.idle_share(seconds):.2%}", "of a processor, one look a second")
        finally:
            terminal.close()
            target.kill()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=float, default=1e7)
    parser.add_argument("--members", type=float, default=1e6, help="that refer to the hub")
    parser.add_argument("--folder", type=Path, help="keep the snapshots there, and use them again")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("heap", "hub", "three", "idle"))
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    options = parser.parse_args()
    with analysed(options.folder, options.objects, options.members) as folder:
        final = folder / "final.lkheap"
        parts: dict[str, Callable[[], None]] = {
            "heap": lambda: one_heap(final, options.rounds),
            "hub": lambda: one_heap(folder / "hub.lkheap", options.rounds),
            "three": lambda: three_heaps([folder / f"{name}.lkheap" for name in LABELS]),
            "idle": lambda: idle(final, options.idle_seconds),
        }
        for name, part in parts.items():
            if options.only in (None, name):
                part()


if __name__ == "__main__":
    main()
