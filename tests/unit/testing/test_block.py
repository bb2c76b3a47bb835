"""``no_leaks``: nothing that a block made may outlive it."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from leakhunt import testing
from leakhunt.errors import TargetError

KEPT: list[Any] = []


class Session:
    pass


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    KEPT.clear()


@pytest.mark.parametrize("make", [Session, dict, lambda: len(KEPT) + 0.5, lambda: [1000.5]])
def test_what_stays_is_named(make: Any) -> None:
    with pytest.raises(testing.LeakError) as caught, testing.no_leaks():
        KEPT.append(make())
    text = str(caught.value)
    assert text.startswith("1 thing stayed behind that the block had made")
    assert ".KEPT" in text
    assert "It was made in the block and is still there after it." in " ".join(text.split())
    assert len(caught.value.findings) == 1


def test_what_goes_is_no_leak() -> None:
    with testing.no_leaks():
        one: Any = Session()
        one.itself = one
        del one
        re.compile(f"made here {time.time()}")
        threading.Thread(target=time.sleep, args=(0.1,)).start()


def test_variables_of_running_functions_do_not_count() -> None:
    with testing.no_leaks():
        mine = [Session()]
    assert mine


def test_it_can_be_filtered() -> None:
    with testing.no_leaks(ignore=Session):
        KEPT.append(Session())
    with testing.no_leaks(types=["other.*"]):
        KEPT.append(Session())


def test_an_exception_of_the_block_is_passed_on() -> None:
    def block() -> None:
        with testing.no_leaks():
            KEPT.append(Session())
            raise KeyError(1)

    with pytest.raises(KeyError):
        block()
    assert gc.get_freeze_count() < 2000


def test_async_blocks_wait_for_tasks_that_end() -> None:
    async def main() -> None:
        async with testing.no_leaks():
            task = asyncio.create_task(asyncio.sleep(0.1))
            del task
        with pytest.raises(testing.LeakError):
            async with testing.no_leaks():
                KEPT.append(Session())

    asyncio.run(main())


def test_a_block_in_a_block_is_refused_and_the_outer_one_goes_on() -> None:
    def block() -> None:
        KEPT.append(Session())
        with pytest.raises(TargetError, match="already") as refused, testing.no_leaks():
            pass
        assert "keep the outer one" in str(refused.value.hint)

    with pytest.raises(testing.LeakError) as caught, testing.no_leaks():
        block()
    assert [one.leaked[0].type for one in caught.value.findings] == [f"{__name__}.Session"]


@pytest.mark.parametrize(
    ("why", "remedy"),
    [
        ("no memory for the birth map", "raise the memory limit"),
        ("our hook was displaced too often in this process", "run the test without it"),
        ("layout self-test failed: dict (compiled for 3.12.1)", "install it anew"),
        ("something else", "leakhunt.testing.check"),
    ],
)
def test_what_keeps_a_block_from_being_watched_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, why: str, remedy: str
) -> None:
    def refuse() -> None:
        raise RuntimeError(why)

    monkeypatch.setattr("leakhunt.agent.snapshots.watch", refuse)
    with pytest.raises(TargetError, match=re.escape(why)) as refused, testing.no_leaks():
        pass
    assert remedy in str(refused.value.hint)
