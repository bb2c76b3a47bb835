"""A process that counts jobs, in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leakhunt.agent.jobs import Ledger


class Fake:
    """A process whose memory and clock are what they are told to be."""

    def __init__(self, folder: Path | None = None, share: float = 1000.0) -> None:
        self.blocks = 1000
        self.now_s = 0.0
        self.collections = 0
        self.garbage = 0
        self.ledger = Ledger(
            None if folder is None else str(folder),
            share=share,
            read=lambda: (self.blocks, self.blocks * 4096),
            clock=lambda: self.now_s,
            collect=self.collect,
        )

    def collect(self) -> None:
        self.collections += 1
        self.blocks -= self.garbage
        self.garbage = 0
        self.now_s += 0.01

    def job(self, name: str, leaves: int = 0, garbage: int = 0, takes_s: float = 0.1) -> None:
        token = self.ledger.begin(name)
        self.blocks += leaves + garbage
        self.garbage += garbage
        self.now_s += takes_s
        self.ledger.end(token)

    def tasks(self) -> dict[str, dict[str, Any]]:
        return {task["name"]: task for task in self.ledger.to_dict()["tasks"]}
