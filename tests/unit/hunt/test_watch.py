"""The loop of a watch, with a world of its own: alarms, snapshots, metrics, families."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.errors import TargetError, UsageError
from leakhunt.hunt.watch import loop
from leakhunt.hunt.watch.endpoint import CONTENT_TYPE, Endpoint, _read_head, write_textfile
from leakhunt.hunt.watch.hook import RUNNING_MAX, Hook
from leakhunt.hunt.watch.loop import Watch, World
from leakhunt.hunt.watch.options import (
    WatchOptions,
    check_watch_options,
    parse_address,
    parse_bytes,
    parse_rate,
)
from leakhunt.hunt.watch.ring import Ring
from leakhunt.report.schema import load_schema
from leakhunt.report.watch_model import (
    EventKind,
    Reason,
    WatchEvent,
    event_to_dict,
    event_to_json,
    event_to_line,
)
from leakhunt.target.cgroup import GroupLimit
from leakhunt.target.family import Relative
from leakhunt.target.probes import LoopDelay
from leakhunt.target.sampler import Reading

MIB = 1 << 20
PID = 77


@dataclass
class FakeLook:
    """A look of a fake process; while it listens there are a thread and three descriptors more."""

    fake: Fake
    measure: Any
    is_listening: bool

    def __post_init__(self) -> None:
        self.fake.listening += self.is_listening

    def end(self) -> LoopDelay | None:
        self.fake.listening -= self.is_listening
        self.is_listening = False
        return self.fake.delay


@dataclass
class Fake:
    """A world whose clock is moved by waiting, and a process that has what it is told."""

    rss: Callable[[float], float] = lambda _: 100.0 * MIB
    group: Callable[[float], GroupLimit | None] = lambda _: None
    ends_s: float = float("inf")
    now_s: float = 0.0
    age_s: float = 1e6
    events: list[WatchEvent] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    looks: int = 0
    family: Callable[[float], tuple[int, ...]] = lambda _: (PID,)
    start: Callable[[float], int] = lambda _: 5
    delay: LoopDelay | None = None
    """Of its event loop, if it has one."""
    listening: int = 0
    """Looks that are in it now."""

    def watch(self, **options: Any) -> Watch:
        world = World(
            clock=lambda: self.now_s,
            now=lambda: 1.8e9 + self.now_s,
            wait=self._wait,
            sampler=lambda pid, start: SimpleNamespace(  # type: ignore[arg-type,return-value]
                pid=pid, start_ticks=start, read=self._read, look=self._look
            ),
            family=lambda _: tuple(
                Relative(pid, self.start(self.now_s), ("python", "app.py"), pid == PID)
                for pid in self.family(self.now_s)
            ),
            age_s=lambda _: self.age_s + self.now_s,
        )
        return Watch(WatchOptions(PID, **options), self.events.append, world)

    def run(self, rounds: int, **options: Any) -> None:
        with self.watch(**options) as watch:
            for _ in range(rounds):
                watch.step()
                self._wait(watch._wait_s())

    def of(self, kind: EventKind) -> list[WatchEvent]:
        return [event for event in self.events if event.kind is kind]

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds

    def _read(self, at_s: float) -> Reading:
        if self.now_s >= self.ends_s:
            raise TargetError(f"process {PID} ended")
        return Reading(
            at_s,
            int(self.rss(self.now_s)),
            2 + self.listening,
            9 + 3 * self.listening,
            0,
            self.group(self.now_s),
        )

    def _look(self, **_: Any) -> Any:
        self.looks += 1
        measure = SimpleNamespace(
            blocks=1000 + self.looks, gc_enabled=True, gc_young=7, threads=2, descriptors=9
        )
        return FakeLook(self, measure, is_listening=self.delay is not None)


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


def test_a_loop_that_hangs_is_as_late_as_it_has_hung() -> None:
    fake = Fake(delay=LoopDelay(PID, 0, 0, 0, 0, 3_000_000_000))
    fake.run(3)
    sample = fake.of(EventKind.SAMPLE)[-1].sample
    assert sample is not None
    assert sample.loop_delay_p50_ns == sample.loop_delay_p99_ns == 3_000_000_000


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


def test_a_process_that_is_not_there_is_refused() -> None:
    fake = Fake(family=lambda _: ())
    with pytest.raises(TargetError, match="no process"):
        fake.run(1)


# --- snapshots -----------------------------------------------------------------------------------


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Snapshots are files of 1,000 bytes; the labels in order."""
    labels: list[str] = []

    def capture(_self: Watch, _member: object, path: Path, label: str) -> int:
        path.write_bytes(bytes(1000))
        labels.append(label)
        return 5

    monkeypatch.setattr(Watch, "_capture", capture)
    monkeypatch.setattr(loop, "require_reachable", lambda *_, **__: None)
    return labels


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


# --- metrics -------------------------------------------------------------------------------------


def fetch(port: int, path: str = "/metrics") -> tuple[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_metrics_are_served_on_loopback_and_understood(tmp_path: Path) -> None:
    from prometheus_client.openmetrics import parser

    fake = Fake(rss=lambda s: 100 * MIB + s / 60 * MIB)
    file = tmp_path / "leakhunt.prom"
    with fake.watch(metrics=("127.0.0.1", 0), textfile=file) as watch:
        for _ in range(400):
            watch.step()
            fake.now_s += 10
        port = watch.metrics_port
        assert port is not None
        file_text = file.read_text()
        (note,) = fake.of(EventKind.NOTE)
        assert note.message == f"metrics are at http://127.0.0.1:{port}/metrics"
        kind, text = fetch(port)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(port, "/secret")
    assert kind == CONTENT_TYPE
    assert file_text == text
    parsed = parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    families = {one.name: one for one in parsed}
    by_name = {s.name: s for one in families.values() for s in one.samples}
    assert by_name["leakhunt_resident_bytes"].labels == {"pid": str(PID)}
    assert by_name["leakhunt_growing"].value == 1
    assert by_name["leakhunt_growth_bytes_per_second"].value == pytest.approx(MIB / 60, rel=0.01)
    assert by_name["leakhunt_samples_total"].value == 400
    assert families["leakhunt_resident_bytes"].unit == "bytes"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_the_text_file_is_one_for_the_old_format_too(tmp_path: Path) -> None:
    from prometheus_client import parser

    fake = Fake()
    fake.run(3, textfile=tmp_path / "m.prom")
    families = list(parser.text_string_to_metric_families((tmp_path / "m.prom").read_text()))
    assert {one.type for one in families} >= {"gauge"}
    assert list(tmp_path.iterdir()) == [tmp_path / "m.prom"]


def test_a_port_that_is_taken_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}") as caught:
            Endpoint("127.0.0.1", port)
    assert "another" in caught.value.hint


@pytest.mark.parametrize("head", [b"", b"\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"x" * 20_000])
def test_nonsense_does_not_end_the_endpoint(head: bytes) -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        endpoint.text = "# EOF\n"
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as client:
            try:
                client.sendall(head)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(100)
            except OSError:  # it hung up on us
                answer = b""
        assert answer == b"" or b"405" in answer
        assert fetch(endpoint.port)[1] == "# EOF\n"
    finally:
        endpoint.close()


def test_an_error_of_accept_does_not_end_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [OSError(24, "too many open files"), ConnectionAbortedError()]

    class Flaky(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            if errors:
                raise errors.pop()
            return super().accept()

    monkeypatch.setattr(socket, "socket", Flaky)
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        endpoint.text = "# EOF\n"
        assert fetch(endpoint.port)[1] == "# EOF\n"
        assert errors == []
    finally:
        endpoint.close()


def test_a_client_that_dribbles_holds_nobody_up() -> None:
    ours, theirs = socket.socketpair()
    done = threading.Event()

    def dribble() -> None:
        with contextlib.suppress(OSError):
            while not done.wait(0.05):
                theirs.sendall(b"x")

    thread = threading.Thread(target=dribble)
    thread.start()
    with ours, theirs:
        started_s = time.monotonic()
        with pytest.raises(TimeoutError):
            _read_head(ours, started_s + 0.3)
        assert time.monotonic() - started_s < 2
        done.set()
        thread.join()


def test_the_text_file_may_be_read_by_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_textfile(tmp_path / "m.prom", "# EOF\n")
    finally:
        os.umask(before)
    assert (tmp_path / "m.prom").stat().st_mode & 0o777 == 0o644


def test_a_text_file_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    fake = Fake()
    with fake.watch(textfile=folder / "m.prom") as watch:
        folder.rmdir()
        for _ in range(5):
            watch.step()
    (note,) = fake.of(EventKind.NOTE)
    assert "m.prom" in note.message


# --- the command of --exec -----------------------------------------------------------------------


def event(**changes: Any) -> WatchEvent:
    return WatchEvent(
        **{"kind": EventKind.ALARM, "time_s": 1.8e9, "pid": PID, "message": "it grows", **changes}
    )


def test_the_command_knows_what_happened(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hook = Hook(f'echo "$LEAKHUNT_EVENT $LEAKHUNT_REASON $LEAKHUNT_PID $LEAKHUNT_MESSAGE" > {out}')
    assert hook.run(event(reason=Reason.MAX_RSS), 0.0) == ""
    for _, process in hook._running:
        process.wait()
    assert out.read_text() == f"alarm max-rss {PID} it grows\n"


def test_commands_that_hang_do_not_pile_up() -> None:
    hook = Hook("exec sleep 100")
    said = [hook.run(event(), 0.0) for _ in range(RUNNING_MAX + 1)]
    assert [bool(one) for one in said] == [False] * RUNNING_MAX + [True]
    hook.tidy(1000.0)
    for _, process in hook._running:
        assert process.wait() == -9
    assert hook.run(event(), 1001.0) == ""
    hook.tidy(2001.0)
    hook._running[0][1].wait()


# --- options and lines ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("500M", 500 * MIB), ("1.5GiB", 3 << 29), ("10", 10), ("2kb", 2048), ("1 T", 1 << 40)],
)
def test_sizes(text: str, value: int) -> None:
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["", "M", "-1M", "1X", "1e9", "nan", "9" * 40])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_bytes(text)


def test_rates_and_addresses() -> None:
    assert parse_rate("1MB/min") == MIB / 60
    assert parse_rate("36k/h") == pytest.approx(10.24)
    assert parse_address("9464") == ("127.0.0.1", 9464)
    assert parse_address("[::1]:80") == ("::1", 80)
    for text in ("1MB", "1MB/year", "/s"):
        with pytest.raises(UsageError):
            parse_rate(text)
    for text in ("", "x", ":80", "host:"):
        with pytest.raises(UsageError, match="is no port"):
            parse_address(text)


@pytest.mark.parametrize(
    "options",
    [
        {"pid": 0},
        {"interval_s": 0.0},
        {"interval_s": float("nan")},
        {"look_s": -1.0},
        {"max_rss_bytes": 0},
        {"rate_bytes_per_s": 0.0},
        {"budget_bytes": -1},
        {"metrics": ("0.0.0.0", 1)},
        {"metrics": ("127.0.0.1", 1 << 16)},
        {"textfile": Path("/nonexistent/m.prom")},
        {"command": " "},
        {"duration_s": 0.0},
    ],
)
def test_what_makes_no_watch_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        check_watch_options(WatchOptions(**{"pid": PID, **options}))
    assert caught.value.hint


def test_every_event_is_a_line_that_obeys_the_schema(saving: list[str], tmp_path: Path) -> None:
    schema = load_schema(name="watch")
    Draft202012Validator.check_schema(schema)
    fake = Fake(
        rss=lambda s: 100 * MIB + s / 60 * MIB,
        group=lambda _: GroupLimit(1, 2 * MIB),
        ends_s=6000.0,
    )
    with fake.watch(snapshot_dir=tmp_path, max_rss_bytes=150 * MIB) as watch:
        watch.run()
    assert saving[0] == "baseline"
    fake.events.append(event(kind=EventKind.NOTE, message="\x1b[31m\n" + "x" * 5000))
    assert {e.kind for e in fake.events} >= set(EventKind) - {EventKind.CLEAR}
    for one in fake.events:
        Draft202012Validator(schema).validate(event_to_dict(one))
        line = event_to_json(one)
        assert "\n" not in line
        assert json.loads(line)["schema"] == "leakhunt.watch/1"
        shown = event_to_line(one, "12:00:00")
        assert "\n" not in shown
        assert "\x1b" not in shown


# --- for long ------------------------------------------------------------------------------------


def soak(samples: int) -> None:
    """A watch of a calm process does not grow by its samples."""
    fake = Fake(rss=lambda s: 100 * MIB + (s * 7919 % 3) * MIB)
    counts: dict[EventKind, int] = {}

    def count(event: WatchEvent) -> None:
        counts[event.kind] = counts.get(event.kind, 0) + 1

    fake.events = SimpleNamespace(append=count)  # type: ignore[assignment]
    with fake.watch(look_s=60.0, max_rss_bytes=500 * MIB) as watch:
        for i in range(samples):
            if i == samples // 10:
                gc.collect()
                before = sys.getallocatedblocks()
            watch.step()
            fake.now_s += 10
        gc.collect()
        grown = sys.getallocatedblocks() - before
    assert counts == {EventKind.START: 1, EventKind.SAMPLE: samples}
    assert grown < 2000, "windows of histories that were not full yet"


def test_a_watch_does_not_grow_by_watching() -> None:
    soak(6_000)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_millions_of_samples_leave_nothing_behind() -> None:
    soak(int(os.environ.get("LEAKHUNT_SOAK_SAMPLES", "3000000")))
