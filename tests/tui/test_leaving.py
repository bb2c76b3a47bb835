"""Leaving: at once, whatever is computed; in order, whoever is watched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.errors import SnapshotError
from leakhunt.store.files import drop_half_written, replacing
from leakhunt.tui.model.live import Watcher
from tests.tui.terminal import Terminal

BUSY = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from leakhunt.cli import main
from leakhunt.errors import SnapshotError
from leakhunt.store.files import replacing
from leakhunt.tui.model.case import Case

def read_report(self):  # hours of work, in a pool and in a file half written
    with ThreadPoolExecutor(1) as pool, replacing(self.folder / "out") as file:
        file.write(b"half")
        file.flush()
        pool.submit(threading.Event().wait).result()

Case.read_report = read_report
print("began", flush=True)
sys.exit(main(["tui", *sys.argv[1:]]))
"""


def test_what_is_computed_is_not_waited_for(shop: Path) -> None:
    files = [str(shop / f"{label}.lkcols") for label in ("baseline", "final")]
    with Terminal([sys.executable, "-c", BUSY, *files]) as terminal:
        terminal.wait_until(lambda: any(shop.glob(".out.*")))
        terminal.wait_for("Growth")
        terminal.type("q")
        assert terminal.exit_code() == 0
    assert not list(shop.glob(".out.*"))
    assert terminal.said.rindex(b"\x1b[?1049l") > 0  # the terminal is as it was
    assert (shop / "final.lkcols.notebook.json").is_file()


@pytest.mark.parametrize("how", ["HUP", "TERM"])
def test_the_terminal_is_closed(shop: Path, how: str) -> None:
    with Terminal([sys.executable, "-m", "leakhunt", "tui", str(shop)]) as terminal:
        terminal.wait_for("verdict")
        if how == "HUP":
            terminal.hang_up()
        else:
            terminal.process.terminate()
        assert terminal.exit_code() == {"HUP": 129, "TERM": 143}[how]
    assert (shop / "notebook.json").is_file()


def test_the_terminal_of_a_watched_process_is_closed(process: subprocess.Popen[str]) -> None:
    command = [sys.executable, "-m", "leakhunt", "tui", str(process.pid)]
    with Terminal(command, size=(50, 160)) as terminal:
        terminal.wait_for("longest GC pause  ")
        terminal.hang_up()
        assert terminal.exit_code() == 129
    assert process.poll() is None
    watcher = Watcher(process.pid)
    assert watcher.look(is_inside=True).blocks  # nobody is in the way
    watcher.close()


def test_half_written_files_are_dropped_and_whole_ones_stay(tmp_path: Path) -> None:
    with replacing(tmp_path / "whole") as file:
        file.write(b"all")
    half = replacing(tmp_path / "half")
    half.__enter__()
    assert len(list(tmp_path.iterdir())) == 2
    drop_half_written()
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    with pytest.raises(SnapshotError, match="cannot write"):
        half.__exit__(None, None, None)
