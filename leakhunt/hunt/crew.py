"""The processes of a live hunt, worked on side by side."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.member import Member
from leakhunt.target.family import Children, find_family

LOOK_S = 1.0
CLOSE_GRACE_S = 5.0
"""How long steps under way may take when a hunt is broken off."""


class Crew:
    """A context manager: all members are let go of in the end, whatever happened."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        self._pool = ThreadPoolExecutor(max(1, len(self.members)), "leakhunt-hunt")
        self._running: list[Future[None]] = []
        self._looked_at = 0.0
        self._marks: deque[tuple[Member, str]] = deque()
        self._marked: Member | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wait(self._running, timeout=CLOSE_GRACE_S)
        leaving = [self._pool.submit(member.detach) for member in self.members]
        wait(leaving, timeout=CLOSE_GRACE_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def present(self) -> tuple[Member, ...]:
        """Those that can still be worked on."""
        return tuple(member for member in self.members if member.is_there)

    def each(self, doing: str, step: Callable[[Member], object]) -> None:
        """Do one step in every process that is still there, at the same time.

        One that fails is lost from then on and says why; the others go on, and those that are
        done are kept alive while it takes long in another.
        """
        wait(self._running)

        def guarded(member: Member) -> None:
            try:
                step(member)
            except LeakhuntError as error:
                member.lose(doing, error)

        members = self.present
        self._running = [self._pool.submit(guarded, member) for member in members]
        while wait(self._running, timeout=LOOK_S).not_done:
            for member, future in zip(members, self._running, strict=True):
                if future.done() and member.is_there:
                    self._keep_alive(member, doing)
        for future in self._running:
            future.result()

    @staticmethod
    def _keep_alive(member: Member, doing: str) -> None:
        try:
            member.keep_alive()
        except LeakhuntError as error:
            member.lose(doing, error)

    def look_after(self) -> bool:
        """Called often while the load runs: keeps connections alive, notices who died.

        False when nobody is left.
        """
        now = time.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            for member in self.present:
                if not member.is_running():
                    member.lose("the load ran", LeakhuntError("it is no longer there"))
            self.each("the load ran", Member.keep_alive)
        return bool(self.present)

    def poll_mark(self) -> str | None:
        """Label of a moment that one of the programs marked, and now waits in; None when there
        is none."""
        for member in self.present:
            try:
                self._marks += [(member, label) for label in member.poll_marks()]
            except LeakhuntError as error:
                member.lose("a mark was awaited", error)
        if not self._marks:
            return None
        self._marked, label = self._marks.popleft()
        return label

    def release(self) -> None:
        """Let the program go on that marked the moment polled last."""
        marked, self._marked = self._marked, None
        if marked is not None and marked.is_there:
            try:
                marked.release()
            except LeakhuntError as error:
                marked.lose("it waited in a mark", error)

    def newcomers(self, root: int, children: Children) -> list[int]:
        """Processes of the family that are no members: forked since."""
        known = {member.pid for member in self.members}
        return [one.pid for one in find_family(root, children) if one.pid not in known]
