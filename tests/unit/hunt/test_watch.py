"""The loop of a watch, with a world of its own: alarms, looks, families, and what it keeps."""

from __future__ import annotations

import gc
import os
import sys
from types import SimpleNamespace

import pytest

from leakhunt.errors import TargetError
from leakhunt.report.watch_model import (
    EventKind,
    Reason,
    WatchEvent,
)
from leakhunt.target.cgroup import GroupLimit
from leakhunt.target.family import Children
from leakhunt.target.probes import LoopDelay
from tests.unit.hunt.watching import MIB, NO_PYTHON, PID, Fake


def test_steady_growth_is_an_alarm_once_and_says_how_fast() -> None:
    fake = Fake(rss=lambda s: 100 * MIB + s / 60 * MIB)
    fake.run(600)
    (alarm,) = fake.of(EventKind.ALARM)
    assert alarm.reason is Reason.GROWTH
    assert "resident memory grows: +1.0 MiB/min" in alarm.message
    assert alarm.time_s - 1.8e9 < 60 * 60
    assert fake.of(EventKind.CLEAR) == []


def test_growth_that_ends_clears_the_alarm() -> None:
    fake = Fake(rss=lambda s: 100 * MIB + min(s, 7200) / 60 * MIB)
    fake.run(3000)
    kinds = [e.kind for e in fake.events if e.kind in {EventKind.ALARM, EventKind.CLEAR}]
    assert kinds == [EventKind.ALARM, EventKind.CLEAR]


def test_a_rate_that_is_allowed_raises_no_alarm() -> None:
    fake = Fake(rss=lambda s: 100 * MIB + s / 60 * MIB)
    fake.run(600, rate_bytes_per_s=2 * MIB / 60)
    assert fake.of(EventKind.ALARM) == []
    fake.run(600, rate_bytes_per_s=0.5 * MIB / 60)
    assert len(fake.of(EventKind.ALARM)) == 1


def test_a_limit_is_an_alarm_and_is_watched_closely_before() -> None:
    fake = Fake(rss=lambda s: 10 * MIB + s * MIB)
    fake.run(400, max_rss_bytes=500 * MIB)
    samples = len(fake.of(EventKind.SAMPLE))
    assert samples == pytest.approx(fake.now_s / 10, rel=0.05), "what guards the limit is none"
    (alarm,) = fake.of(EventKind.ALARM)
    assert alarm.reason is Reason.MAX_RSS
    assert 490 <= alarm.time_s - 1.8e9 < 491, "seen within a second of reaching it"
    assert fake.waits[0] == 10


def test_the_limit_of_the_control_group_counts_too() -> None:
    fake = Fake(group=lambda s: GroupLimit(int(s * MIB), 100 * MIB))
    fake.run(300)
    (alarm,) = fake.of(EventKind.ALARM)
    assert alarm.reason is Reason.CGROUP
    assert 90 <= alarm.time_s - 1.8e9 < 91


def test_a_crossed_limit_is_said_again_only_after_it_was_left() -> None:
    fake = Fake(rss=lambda s: (600 if s < 100 or s > 500 else 100) * MIB)
    fake.run(120, max_rss_bytes=500 * MIB)
    kinds = [e.kind for e in fake.events if e.reason is Reason.MAX_RSS]
    assert kinds == [EventKind.ALARM, EventKind.CLEAR, EventKind.ALARM]


def test_looks_from_inside_are_rarer_than_samples() -> None:
    fake = Fake()
    fake.run(61)
    assert fake.looks == 11
    sample = fake.of(EventKind.SAMPLE)[-1].sample
    assert sample is not None
    assert (sample.blocks, sample.gc_enabled) == (1011, True)
    fake.run(10, look_s=0.0)
    assert fake.looks == 11


def test_a_look_listens_to_the_event_loop_for_three_seconds() -> None:
    fake = Fake(delay=LoopDelay(PID, 30, 100_000, 2_000_000, 2_000_000, 0))
    fake.run(40, interval_s=1.0)
    samples = [event.sample for event in fake.of(EventKind.SAMPLE)]
    assert None not in samples
    delays = [sample.loop_delay_p99_ns for sample in samples if sample is not None]
    assert delays[:3] == [None] * 3
    assert set(delays[3:]) == {2_000_000}
    assert samples[-1] is not None
    assert samples[-1].loop_delay_p50_ns == 100_000
    own = {(s.threads, s.descriptors) for s in samples if s is not None}
    assert own == {(2, 9)}, "what listens there is no thread of the process"
    assert fake.looks == 1


def test_a_look_that_fails_leaves_no_delay_of_an_earlier_one() -> None:
    fake = Fake(delay=LoopDelay(PID, 30, 100_000, 2_000_000, 2_000_000, 0))
    fake.look_fails = lambda s: s > 30
    fake.run(60, interval_s=2.0)
    delays = [e.sample.loop_delay_p99_ns for e in fake.of(EventKind.SAMPLE) if e.sample is not None]
    assert delays[5] == 2_000_000
    assert delays[-1] is None
    assert any("no look from inside" in note.message for note in fake.of(EventKind.NOTE))


def test_a_loop_that_hangs_is_as_late_as_it_has_hung() -> None:
    fake = Fake(delay=LoopDelay(PID, 0, 0, 0, 0, 3_000_000_000))
    fake.run(3)
    sample = fake.of(EventKind.SAMPLE)[-1].sample
    assert sample is not None
    assert sample.loop_delay_p50_ns == sample.loop_delay_p99_ns == 3_000_000_000


def test_it_ends_with_the_process() -> None:
    fake = Fake(ends_s=45.0)
    with fake.watch() as watch:
        watch.run()
    assert fake.events[-1].kind is EventKind.END
    assert "ended" in fake.events[-1].message
    assert len(fake.of(EventKind.SAMPLE)) == 5


def test_workers_that_come_later_are_watched_too() -> None:
    fake = Fake(family=lambda s: (PID,) if s < 100 else (PID, 78))
    fake.run(30)
    assert [event.pid for event in fake.of(EventKind.START)] == [PID, 78]
    assert {event.pid for event in fake.of(EventKind.SAMPLE)} == {PID, 78}


def test_children_of_who_has_the_number_next_are_strangers() -> None:
    fake = Fake(family=lambda s: (PID,) if s < 100 else (PID, 78))
    fake.start = lambda s: 5 if s < 100 else 6
    fake.run(30)
    assert {event.pid for event in fake.events} == {PID}


def test_the_number_of_a_wrapper_stands_for_the_program_behind_it() -> None:
    fake = Fake(program=lambda s: 78, family=lambda _: (78, 79))
    fake.run(3)
    note, *_ = fake.events
    assert (note.kind, note.pid) == (EventKind.NOTE, 78)
    assert note.message.endswith("is a wrapper: the program is process 78 below it")
    assert {event.pid for event in fake.of(EventKind.SAMPLE)} == {78, 79}


def test_a_wrapper_that_still_starts_its_program_is_left_for_it() -> None:
    fake = Fake(
        program=lambda s: NO_PYTHON if s < 100 else 78,
        family=lambda s: (NO_PYTHON,) if s < 100 else (78,),
    )
    fake.run(20, pid=NO_PYTHON)
    pids = [event.pid for event in fake.of(EventKind.SAMPLE)]
    assert pids == [NO_PYTHON] * 12 + [78] * 8
    assert fake.of(EventKind.END) == []


def test_what_a_wrapper_told_for_its_group_another_one_tells_when_it_is_left() -> None:
    fake = Fake(
        rss=lambda _: 9.0 * MIB,
        program=lambda s: NO_PYTHON if s < 300 else 78,
        family=lambda s: (NO_PYTHON, PID) if s < 300 else (78, PID),
        group=lambda s: GroupLimit(int(min(s, 99) * MIB), 100 * MIB, "/shop"),
    )
    fake.run(80, pid=NO_PYTHON, children=Children.ALL)
    assert [alarm.pid for alarm in fake.of(EventKind.ALARM)] == [NO_PYTHON, PID]


def several(_: float) -> int:
    raise TargetError("2 Python programs run below it")


def test_which_of_several_programs_is_meant_is_not_guessed_unless_all_are() -> None:
    fake = Fake(program=several)
    with pytest.raises(TargetError, match="2 Python programs"):
        fake.run(1)
    fake.run(1, children=Children.ALL)
    assert [event.pid for event in fake.of(EventKind.SAMPLE)] == [PID]


def test_a_process_that_is_not_there_is_refused() -> None:
    fake = Fake(family=lambda _: ())
    with pytest.raises(TargetError, match="no process"):
        fake.run(1)


def soak(samples: int) -> None:
    """A watch of a calm process does not grow by its samples."""
    fake = Fake(
        rss=lambda s: 100 * MIB + (s * 7919 % 3) * MIB, blocks=lambda looks: 1000 + looks % 7
    )
    counts: dict[EventKind, int] = {}

    def count(event: WatchEvent) -> None:
        counts[event.kind] = counts.get(event.kind, 0) + 1

    fake.events = SimpleNamespace(append=count)  # type: ignore[assignment]
    with fake.watch(look_s=60.0, max_rss_bytes=500 * MIB) as watch:
        for i in range(samples):
            if i == 200:
                gc.collect()
                before = sys.getallocatedblocks()
            watch.step()
            fake.now_s += 10
        gc.collect()
        grown = sys.getallocatedblocks() - before
    assert counts == {EventKind.START: 1, EventKind.SAMPLE: samples}
    assert grown < 50, "as small as after half an hour: its histories are not even full by then"


def test_a_watch_does_not_grow_by_watching() -> None:
    soak(6_000)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_millions_of_samples_leave_nothing_behind() -> None:
    soak(int(os.environ.get("LEAKHUNT_SOAK_SAMPLES", "3000000")))
