"""``no_leaks``: a block that must leave nothing behind."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from leakhunt.hunt.within.block import Block, examine_block
from leakhunt.report.model import Report
from leakhunt.testing.checks import let_pass
from leakhunt.testing.errors import LeakError
from leakhunt.testing.filters import Filter, Names, names_of

_NEXT = (
    "a block runs once: if this is a cache that fills at first use, warm it up before the block,",
    "or repeat the work: leakhunt.testing.check(function, cycles=50)",
)


class no_leaks:  # noqa: N801 - it is used like a function
    """Fail when what was made in the block outlives it: ``with no_leaks(): ...``.

    Also ``async with``.  Variables of functions that still run do not count, and neither does
    what the interpreter and the test runner keep for themselves.  An exception that leaves the
    block is passed on, and nothing is judged.

    Args:
        types: judge only objects of these types (classes or names) or under these holders.
        ignore: leave out these types or holders; ``*`` stands for any text.
    """

    def __init__(self, *, types: Names = (), ignore: Names = ()) -> None:
        """Raises UsageError for names that are none."""
        self._filter = Filter(
            types=names_of(types, "types"), ignore=names_of(ignore, "ignore"), strict=True
        )
        self._block: Block | None = None

    def __enter__(self) -> Self:
        """Births are watched from here.  Raises TargetError inside of another such block."""
        self._block = examine_block()
        next(self._block)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raises LeakError."""
        __tracebackhide__ = True
        block, self._block = self._block, None
        assert block is not None
        try:
            if kind is None:
                while True:
                    time.sleep(block.send(None).wait_s)
        except StopIteration as end:
            self._judge(end.value)
        finally:
            block.close()

    async def __aenter__(self) -> Self:
        """As ``__enter__``."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As ``__exit__``; the loop goes on while tasks get the time to end."""
        __tracebackhide__ = True
        block, self._block = self._block, None
        assert block is not None
        try:
            if kind is None:
                while True:
                    await let_pass(block.send(None).wait_s)
        except StopIteration as end:
            self._judge(end.value)
        finally:
            block.close()

    def _judge(self, report: Report | None) -> None:
        __tracebackhide__ = True
        if report is None:
            return
        report = self._filter.marked(report)
        leaks = self._filter.leaks(report)
        if leaks:
            from leakhunt.report import units
            from leakhunt.testing.text import failure_text

            heading = f"{units.plural(len(leaks), 'thing')} stayed behind that the block had made"
            text = failure_text(report, leaks, heading=heading, next_steps=_NEXT)
            raise LeakError(text, findings=leaks, report=report) from None
