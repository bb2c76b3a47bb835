"""Several processes, worked on side by side."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from leakhunt.errors import LeakhuntError, TargetError
from leakhunt.hunt.crew import Crew
from leakhunt.hunt.member import Member

WAIT_S = 10.0


@dataclass
class FakeMember:
    """As much of a member as a crew needs."""

    is_slow: bool = False
    is_gone: bool = False
    lost: list[str] = field(default_factory=list)
    was_kept_alive: threading.Event = field(default_factory=threading.Event)

    @property
    def is_there(self) -> bool:
        return not self.lost

    def keep_alive(self) -> None:
        if self.is_gone:
            raise TargetError("it ended")
        self.was_kept_alive.set()

    def lose(self, doing: str, error: LeakhuntError) -> None:
        self.lost.append(f"{doing}: {error}")

    def detach(self) -> None:
        """Nothing to let go of."""


def crew_of(*members: FakeMember) -> Crew:
    return Crew([cast("Member", member) for member in members])


def test_who_is_done_is_kept_alive_while_another_takes_long() -> None:
    slow, quick, gone = FakeMember(is_slow=True), FakeMember(), FakeMember(is_gone=True)
    started = time.monotonic()

    def step(member: Member) -> None:
        if cast("FakeMember", member).is_slow:
            assert quick.was_kept_alive.wait(WAIT_S)
            while not gone.lost and time.monotonic() - started < WAIT_S:
                time.sleep(0.01)

    with crew_of(slow, quick, gone) as crew:
        crew.each("a snapshot was taken", step)
        there = [id(member) for member in crew.present]
        assert there == [id(slow), id(quick)]
    assert not slow.was_kept_alive.is_set()
    assert gone.lost == ["a snapshot was taken: it ended"]


def test_a_step_that_fails_loses_one_and_an_unknown_error_is_not_hidden() -> None:
    good, bad = FakeMember(), FakeMember(is_slow=True)

    def fail(member: Member) -> None:
        if cast("FakeMember", member).is_slow:
            raise TargetError("no room")

    def crash(_member: Member) -> None:
        raise ZeroDivisionError

    with crew_of(good, bad) as crew:
        crew.each("it was measured", fail)
        assert (good.lost, bad.lost) == ([], ["it was measured: no room"])
        with pytest.raises(ZeroDivisionError):
            crew.each("it was measured", crash)
