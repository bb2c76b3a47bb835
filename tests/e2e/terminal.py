"""A program in a real terminal (tmux), as a person sees it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

LONGEST_S = 120.0


class Terminal:
    """A context manager: a session of a tmux server of its own."""

    def __init__(self, command: Sequence[str], folder: Path, size: tuple[int, int]) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("there is no tmux here")
        self._socket = folder / f"tmux-{uuid.uuid4().hex[:8]}"
        self._ended = folder / f"ended-{uuid.uuid4().hex[:8]}"
        line = f"{shlex.join(command)}; echo $? > {shlex.quote(str(self._ended))}"
        width, height = size
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
            "env", "-u", "NO_COLOR", "-u", "COLUMNS", "-u", "LINES", "sh", "-c", line,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        subprocess.run(
            ["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False
        )

    def press(self, *keys: str) -> None:
        """Press keys, as tmux calls them."""
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        """What is on it."""
        return self._tmux("capture-pane", "-p")

    def wait_for(self, *words: str) -> str:
        """The screen once it has all of these words."""
        seen = ""

        def has_all() -> bool:
            nonlocal seen
            seen = self.screen()
            return all(word in seen for word in words)

        self.wait_until(has_all)
        return seen

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Until something is so; fails with the screen when it takes too long."""
        deadline = time.monotonic() + LONGEST_S
        while not is_so():
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.2)

    def exit_code(self) -> int:
        """The program's, once it has ended."""
        self.wait_until(lambda: self._ended.exists() and bool(self._ended.read_text().strip()))
        return int(self._ended.read_text())

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
