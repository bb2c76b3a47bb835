"""The interpreter of seccomp filters, against programs whose answer is known."""

from __future__ import annotations

import pytest

from leakhunt.target.attach.seccomp import Filter, deadly_calls, run_filter

ALLOW, KILL = 0x7FFF0000, 0x80000000
RET_A = (0x16, 0, 0, 0)


@pytest.mark.parametrize(
    ("program", "number", "answer"),
    [
        ([(0x06, 0, 0, 7)], 1, 7),
        ([(0x20, 0, 0, 0), RET_A], 42, 42),
        ([(0x20, 0, 0, 4), RET_A], 42, 0xC000003E),
        ([(0x20, 0, 0, 16), RET_A], 42, 0),
        ([(0x80, 0, 0, 0), RET_A], 1, 64),
        ([(0x00, 0, 0, 5), (0x04, 0, 0, 0xFFFFFFFF), RET_A], 1, 4),
        ([(0x00, 0, 0, 5), (0x14, 0, 0, 6), RET_A], 1, 0xFFFFFFFF),
        ([(0x00, 0, 0, 5), (0x24, 0, 0, 6), RET_A], 1, 30),
        ([(0x00, 0, 0, 13), (0x34, 0, 0, 6), RET_A], 1, 2),
        ([(0x00, 0, 0, 13), (0x34, 0, 0, 0), RET_A], 1, 0),
        ([(0x00, 0, 0, 12), (0x44, 0, 0, 3), RET_A], 1, 15),
        ([(0x00, 0, 0, 12), (0x54, 0, 0, 4), RET_A], 1, 4),
        ([(0x00, 0, 0, 1), (0x64, 0, 0, 4), RET_A], 1, 16),
        ([(0x00, 0, 0, 16), (0x74, 0, 0, 4), RET_A], 1, 1),
        ([(0x00, 0, 0, 1), (0x84, 0, 0, 0), RET_A], 1, 0xFFFFFFFF),
        ([(0x00, 0, 0, 13), (0x94, 0, 0, 6), RET_A], 1, 1),
        ([(0x00, 0, 0, 12), (0xA4, 0, 0, 10), RET_A], 1, 6),
        ([(0x01, 0, 0, 3), (0x00, 0, 0, 4), (0x0C, 0, 0, 0), RET_A], 1, 7),
        ([(0x00, 0, 0, 9), (0x02, 0, 0, 3), (0x00, 0, 0, 0), (0x60, 0, 0, 3), RET_A], 1, 9),
        ([(0x00, 0, 0, 9), (0x07, 0, 0, 0), (0x00, 0, 0, 0), (0x87, 0, 0, 0), RET_A], 1, 9),
        ([(0x05, 0, 0, 1), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 1, 2),
        ([(0x20, 0, 0, 0), (0x15, 1, 0, 7), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 7, 2),
        ([(0x20, 0, 0, 0), (0x15, 1, 0, 7), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 8, 1),
        ([(0x20, 0, 0, 0), (0x25, 1, 0, 7), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 8, 2),
        ([(0x20, 0, 0, 0), (0x35, 1, 0, 7), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 7, 2),
        ([(0x20, 0, 0, 0), (0x45, 1, 0, 4), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 3, 1),
        ([(0xFF, 0, 0, 0), (0x06, 0, 0, ALLOW)], 1, KILL),
        ([(0x00, 0, 0, 0)], 1, KILL),
    ],
)
def test_a_program_returns(program: Filter, number: int, answer: int) -> None:
    assert run_filter(program, number) == answer


@pytest.mark.parametrize("action", [KILL, 0, 0x30000, 0x7FF00000])
def test_deadly_answers_are_named(action: int) -> None:
    program = [(0x20, 0, 0, 0), (0x15, 1, 0, 9), (0x06, 0, 0, ALLOW), (0x06, 0, 0, action)]
    assert deadly_calls([[(0x06, 0, 0, ALLOW)], program]) == ["mmap"]


@pytest.mark.parametrize("action", [ALLOW, 0x50001, 0x7FFC0000])
def test_harmless_answers(action: int) -> None:
    assert deadly_calls([[(0x06, 0, 0, action)]]) == []
