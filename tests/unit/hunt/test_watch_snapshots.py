"""What a watch saves, when, and what it keeps of it."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.hunt.watch.groups import Groups
from leakhunt.hunt.watch.loop import AGAIN_S, Watch
from leakhunt.hunt.watch.member import Member
from leakhunt.hunt.watch.ring import Ring
from leakhunt.hunt.watch.watched import Turn
from leakhunt.report.watch_model import (
    EventKind,
    Reason,
)
from leakhunt.target.cgroup import GroupLimit
from leakhunt.target.probes import LoopDelay
from tests.unit.hunt import watching
from tests.unit.hunt.watching import MIB, PID, Fake


def test_a_baseline_comes_early_and_a_snapshot_with_the_alarm(
    saving: list[str], tmp_path: Path
) -> None:
    fake = Fake(rss=lambda s: 10 * MIB + s * MIB, age_s=0.0)
    fake.run(400, max_rss_bytes=500 * MIB, snapshot_dir=tmp_path)
    assert saving == ["baseline", "max-rss"]
    baseline, at_limit = fake.of(EventKind.SNAPSHOT)
    assert baseline.time_s - 1.8e9 == 10
    assert fake.of(EventKind.ALARM)[0].path == at_limit.path
    assert len(list(tmp_path.iterdir())) == 2


def test_who_grows_fast_has_its_baseline_earlier(saving: list[str], tmp_path: Path) -> None:
    fake = Fake(rss=lambda s: 10 * MIB + s * 100 * MIB, age_s=0.0)
    fake.run(40, interval_s=1.0, max_rss_bytes=500 * MIB, snapshot_dir=tmp_path)
    assert saving == ["baseline", "max-rss"]


def test_an_alarm_that_flutters_does_not_fill_the_disk(saving: list[str], tmp_path: Path) -> None:
    fake = Fake(rss=lambda s: (600 if int(s / 20) % 2 else 100) * MIB)
    fake.run(100, max_rss_bytes=500 * MIB, snapshot_dir=tmp_path)
    assert saving.count("max-rss") == 2
    assert len(fake.of(EventKind.ALARM)) > 10


def test_the_ring_keeps_its_budget_the_first_baseline_and_strangers(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "kept", 3500)
    (ring.folder / "notes.txt").write_bytes(bytes(9000))
    paths = []
    for i, label in enumerate(["baseline", "growth", "growth", "max-rss", "growth"]):
        path = ring.new_path(PID, 5, label, 1.8e9 + i)
        path.write_bytes(bytes(1000))
        os.utime(path, (i, i))
        paths.append(path)
        ring.make_room({(PID, 5)})
    assert [path.exists() for path in paths] == [True, False, False, True, True]
    assert (ring.folder / "notes.txt").exists()
    assert ring.remove_oldest(set()) == paths[0], "its process is gone"
    assert ring.folder.stat().st_mode & 0o777 == 0o700


def test_the_baselines_of_many_workers_keep_the_budget_too(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "kept", 3500)
    alive = {(pid, 5) for pid in range(8)}
    paths = []
    for pid, start in sorted(alive):
        path = ring.new_path(pid, start, "baseline", 1.8e9)
        path.write_bytes(bytes(1000))
        os.utime(path, (pid, pid))
        paths.append(path)
        ring.make_room(alive)
    assert [path.exists() for path in paths] == [False] * 5 + [True] * 3
    alarm = ring.new_path(5, 5, "cgroup", 1.8e9)
    alarm.write_bytes(bytes(3000))
    ring.make_room(alive)
    kept = {path.name for path in ring.folder.iterdir()}
    assert kept == {paths[5].name, alarm.name}, "what belongs together stays"


def test_two_snapshots_of_one_second_have_two_names(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 1 << 20)
    first = ring.new_path(PID, 5, "growth", 1.8e9)
    first.touch()
    assert ring.new_path(PID, 5, "growth", 1.8e9) != first


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be used") as caught:
        Ring(tmp_path / "file", 1)
    assert caught.value.hint


def test_a_group_that_is_shared_has_one_alarm_by_its_largest_process(
    saving: list[str], tmp_path: Path
) -> None:
    fake = Fake(
        family=lambda _: (PID, 78, 79),
        group=lambda s: GroupLimit(int((s % 300) * MIB), 100 * MIB, "/shop"),
    )
    fake.run(3000, snapshot_dir=tmp_path, look_s=0.0)
    turns = [e for e in fake.events if e.kind in {EventKind.ALARM, EventKind.CLEAR}]
    assert {e.reason for e in turns} == {Reason.CGROUP}
    alarms = [e for e in turns if e.kind is EventKind.ALARM]
    assert turns[0::2] == alarms, "each is cleared before the next"
    assert len(alarms) > 2
    assert {e.pid for e in alarms} == {78}
    assert alarms[0].path is not None
    saved_s = [e.time_s for e in fake.of(EventKind.SNAPSHOT) if e.reason is Reason.CGROUP]
    assert len(saved_s) == saving.count("cgroup") > 1
    assert all(b - a >= AGAIN_S for a, b in itertools.pairwise(saved_s))


def test_who_told_of_a_group_and_ended_leaves_it_to_the_next_one() -> None:
    groups, group = Groups(), GroupLimit(95, 100, "/shop")
    turn = Turn(Reason.CGROUP, is_alarm=True, message="its control group is near its limit")
    assert groups.raise_alarm(group, 78, turn)
    assert not groups.raise_alarm(group, 79, turn)
    assert groups.forget(78) == [(79, turn)]
    assert groups.forget(78) == []
    assert groups.clear_alarm(group) == 79
    assert groups.clear_alarm(group) is None


def test_an_alarm_of_a_group_is_withdrawn_by_who_told_it(
    monkeypatch: pytest.MonkeyPatch, saving: list[str], tmp_path: Path
) -> None:
    fake = Fake(
        family=lambda _: (PID, 78),
        group=lambda s: GroupLimit(int((s % 300) * MIB), 100 * MIB, "/shop"),
    )

    class Shares(dict[int, int]):
        """Who has most of it changes between each alarm and its end."""

        def __missing__(self, pid: int) -> int:
            return 2 if (pid == PID) == (fake.now_s % 300 < 200) else 1

    monkeypatch.setattr(watching, "SHARES", Shares())
    fake.run(3000, snapshot_dir=tmp_path, look_s=0.0)
    turns = [e for e in fake.events if e.kind in {EventKind.ALARM, EventKind.CLEAR}]
    turns = [e for e in turns if e.reason is Reason.CGROUP]
    assert len(turns) > 4
    assert [e.pid for e in turns[0::2]][: len(turns[1::2])] == [e.pid for e in turns[1::2]]


def test_where_the_largest_of_a_group_cannot_be_saved_the_next_one_is(
    saving: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(
        family=lambda _: (PID, 78, 79),
        group=lambda s: GroupLimit(int((s % 300) * MIB), 100 * MIB, "/shop"),
    )
    capture = Watch._capture

    def refuse(watch: Watch, member: Member, path: Path, label: str) -> int:
        if member.sampler.pid == 78:
            raise TargetError("it does not answer")
        return capture(watch, member, path, label)

    monkeypatch.setattr(Watch, "_capture", refuse)
    fake.run(80, snapshot_dir=tmp_path, look_s=0.0)
    alarms = [e for e in fake.of(EventKind.ALARM) if e.reason is Reason.CGROUP]
    assert {(e.pid, e.path) for e in alarms} == {(78, None)}
    saved = [e.pid for e in fake.of(EventKind.SNAPSHOT) if e.reason is Reason.CGROUP]
    assert len(saved) == 1
    assert saved != [78]


def test_no_look_stays_longer_than_the_watch_or_beside_a_snapshot(
    saving: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(delay=LoopDelay(PID, 30, 1, 2, 2, 0))
    fake.rss = lambda s: (600 if s >= 60 else 100) * MIB
    beside: list[tuple[str, int]] = []

    def capture(_self: Watch, _member: object, _path: Path, label: str) -> int:
        beside.append((label, fake.listening))
        return 5

    monkeypatch.setattr(Watch, "_capture", capture)
    with fake.watch(snapshot_dir=tmp_path, max_rss_bytes=500 * MIB, look_s=59.0) as watch:
        for second in (0, 10, 59, 60):
            fake.now_s = second
            watch.step()
        assert beside == [("baseline", 0), ("max-rss", 0)]
        fake.now_s = 200
        watch.step()
        assert fake.listening == 1
    assert fake.listening == 0
    assert saving == []
