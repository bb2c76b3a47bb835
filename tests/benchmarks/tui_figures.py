"""Figures of the terminal interface: ``python -m tests.benchmarks.tui_figures``.

A heap of ten million objects, captured and analysed (``--file`` takes one that is there), is
opened in a real terminal (tmux) and walked: time to the first paint, time from each key to the
changed screen, and the memory beyond the mapped file.  Polling tmux costs some 5 ms an answer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from leakhunt.hunt.notebook import notebook_path
from tests.benchmarks.analysis_figures import capture, run

WIDTH, HEIGHT = 120, 40
PATIENCE_S = 60.0


class Terminal:
    """A program in tmux, on a server of its own."""

    def __init__(self, command: list[str]) -> None:
        self._name = f"leakhunt-figures-{os.getpid()}"
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
        before = self.screen()
        self._tmux("send-keys", "-t", "it", key)
        return self.until(lambda screen: screen != before)

    def write(self, text: str) -> None:
        """Type a text."""
        self._tmux("send-keys", "-t", "it", "-l", text)

    def rest(self) -> None:
        """Until the screen stays as it is."""
        last = ""
        while (screen := self.screen()) != last:
            last = screen
            time.sleep(0.4)

    def own_bytes(self) -> int:
        """Memory beyond mapped files."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        return int(status.split("RssAnon:")[1].split()[0]) * 1024

    def close(self) -> None:
        """End it."""
        subprocess.run(["tmux", "-L", self._name, "kill-server"], check=False)


@contextmanager
def analysed(file: Path | None, objects: float) -> Iterator[Path]:
    """A snapshot with its cache."""
    if file is not None:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="leakhunt-figures-") as folder:
        capture("synthetic", objects, Path(folder))
        final = Path(folder) / "final.lkheap"
        run([sys.executable, "-m", "leakhunt", "analyse", str(final)], quiet=True)
        yield final


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


def show(what: str, seconds: float, about: str) -> None:
    """One figure."""
    print(f"{what:12} {seconds * 1e3:6.0f} ms   {about}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=float, default=1e7)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with analysed(options.file, options.objects) as file:
        address, referrers = hub(file)
        paints, opens, times, memory = [], [], [], 0
        slow: dict[str, float] = {}
        for _ in range(options.rounds):
            notebook_path(file).unlink(missing_ok=True)
            terminal = Terminal([sys.executable, "-m", "leakhunt", "tui", str(file)])
            try:
                terminal.until(lambda screen: "1 Case" in screen)
                paints.append(time.perf_counter() - terminal.started)
                terminal.until(lambda screen: " reference" in screen)
                opens.append(time.perf_counter() - terminal.started)
                terminal.rest()
                for what, seconds in walk(terminal, address):
                    times.append(seconds)
                    slow[what] = max(slow.get(what, 0.0), seconds)
                memory = max(memory, terminal.own_bytes())
            finally:
                terminal.close()
    times.sort()
    middle, p95 = statistics.median(times), times[int(len(times) * 0.95)]
    show("first paint", statistics.median(paints), "median")
    show("heap open", statistics.median(opens), "median")
    show("a key", middle, f"p95 {p95 * 1e3:.0f} ms, max {times[-1] * 1e3:.0f}, of {len(times)}")
    print(f"memory       {memory / 1e6:6.0f} MB beyond the mapped file")
    print(f"the hub has {referrers:,} referrers; slowest by kind:")
    for what, seconds in sorted(slow.items(), key=lambda item: -item[1]):
        print(f"  {seconds * 1e3:6.0f} ms  {what}")


if __name__ == "__main__":
    main()
