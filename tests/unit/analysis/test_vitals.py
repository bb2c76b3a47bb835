"""Red flags: each is raised by what it is for, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.analysis.bill import PARTS, Bill, BillPart
from leakhunt.analysis.vitals import Light, Patient, Pauses, Reach, Sample, flags_of, worst

MIB = 1 << 20
REACH = Reach("4242 --duration 60", "4242")
MS = 1_000_000


def samples(**growth: int) -> tuple[Sample, ...]:
    """Ten samples, six seconds apart; ``growth`` a minute."""
    start = {"rss_bytes": 100 * MIB, "blocks": 400_000, "threads": 8, "descriptors": 20}
    return tuple(
        Sample(
            at_s=6.0 * i,
            is_collector_on=True,
            **{name: at + growth.get(name, 0) * i // 10 for name, at in start.items()},
        )
        for i in range(10)
    )


def bill(**sizes: int) -> Bill:
    return Bill(200 * MIB, tuple(BillPart(name, sizes.get(name, 0), "") for name in PARTS))


HEALTHY = Patient(
    samples(), 1024, bill(), 5, 0, Pauses(9_000, 8 * MS), 0.01, Pauses(130_000, 9 * MS)
)


def raised(patient: Patient) -> dict[str, Light]:
    return {f.name: f.light for f in flags_of(patient, REACH) if f.light is not Light.GREEN}


def test_a_healthy_process_has_no_flag() -> None:
    assert raised(HEALTHY) == {}
    flags = flags_of(HEALTHY, REACH)
    assert worst(flags) is Light.GREEN
    assert {flag.next for flag in flags} == {""}
    assert all(flag.yellow < flag.red for flag in flags)


@pytest.mark.parametrize(
    ("name", "light", "change"),
    [
        ("memory growth", Light.YELLOW, {"samples": samples(rss_bytes=2 * MIB)}),
        ("memory growth", Light.RED, {"samples": samples(rss_bytes=40 * MIB)}),
        ("allocated block growth", Light.RED, {"samples": samples(blocks=90_000)}),
        ("thread growth", Light.YELLOW, {"samples": samples(threads=10)}),
        ("descriptor growth", Light.YELLOW, {"samples": samples(descriptors=20)}),
        ("descriptors used", Light.RED, {"descriptors_max": 24}),
        ("uncollected garbage", Light.RED, {"bill": bill(garbage=60 * MIB)}),
        ("allocator-free memory", Light.YELLOW, {"bill": bill(allocator_free=80 * MIB)}),
        ("native memory", Light.YELLOW, {"bill": bill(native=60 * MIB, mapped=60 * MIB)}),
        ("unfinished asyncio tasks", Light.YELLOW, {"tasks": 5_000}),
        ("stuck asyncio tasks", Light.RED, {"stuck_tasks": 100}),
        ("collector pause p50", Light.YELLOW, {"collections": Pauses(10 * MS, 20 * MS)}),
        ("collector pause p99", Light.RED, {"collections": Pauses(9_000, 500 * MS)}),
        ("time in the collector", Light.YELLOW, {"collector_share": 0.05}),
        ("event-loop delay p50", Light.YELLOW, {"loop": Pauses(12 * MS, 40 * MS)}),
        ("event-loop delay p99", Light.RED, {"loop": Pauses(130_000, 700 * MS)}),
    ],
)  # fmt: skip
def test_each_flag_is_raised_alone(name: str, light: Light, change: dict[str, object]) -> None:
    patient = replace(HEALTHY, **change)  # type: ignore[arg-type]
    assert raised(patient) == {name: light}
    (flag,) = [flag for flag in flags_of(patient, REACH) if flag.name == name]
    assert "4242" in flag.next
    assert worst(flags_of(patient, REACH)) is light


def test_a_collector_that_is_off() -> None:
    off = tuple(replace(sample, is_collector_on=False) for sample in samples())
    assert raised(replace(HEALTHY, samples=off)) == {"collector switched off": Light.RED}


def test_many_threads() -> None:
    many = tuple(replace(sample, threads=120) for sample in samples())
    assert raised(replace(HEALTHY, samples=many)) == {"threads": Light.YELLOW}


def test_one_burst_is_no_growth() -> None:
    burst = list(samples())
    burst[4] = replace(burst[4], rss_bytes=900 * MIB, threads=90)
    assert raised(replace(HEALTHY, samples=tuple(burst))) == {}


def test_a_small_part_is_no_matter() -> None:
    small = Bill(8 * MIB, tuple(BillPart(name, 0, "") for name in PARTS[:-1]))
    parts = tuple(replace(p, bytes=6 * MIB if p.name == "native" else 0) for p in small.parts)
    assert raised(replace(HEALTHY, bill=replace(small, parts=parts))) == {}


def test_what_is_not_known_has_no_light() -> None:
    unknown = replace(
        HEALTHY, bill=None, descriptors_max=None, samples=samples()[:2], collections=None,
        collector_share=None,
    )  # fmt: skip
    assert set(raised(unknown).values()) == {Light.UNKNOWN}
    assert worst(flags_of(unknown, REACH)) is Light.GREEN


def test_a_process_without_an_event_loop_has_no_figure_of_it() -> None:
    names = {flag.name for flag in flags_of(HEALTHY, REACH)}
    without = {flag.name for flag in flags_of(replace(HEALTHY, loop=None), REACH)}
    assert names - without == {"event-loop delay p50", "event-loop delay p99"}


def test_a_program_that_was_started_is_hunted_by_its_command() -> None:
    reach = Reach("--load ./load.sh -- python app.py", "PID")
    next_by_name = {f.name: f.next for f in flags_of(replace(HEALTHY, stuck_tasks=3), reach)}
    assert "leakhunt snapshot PID" in next_by_name["stuck asyncio tasks"]
    grown = replace(HEALTHY, samples=samples(rss_bytes=2 * MIB))
    next_by_name = {f.name: f.next for f in flags_of(grown, reach)}
    assert next_by_name["memory growth"] == "leakhunt hunt --load ./load.sh -- python app.py"


def test_nothing_can_be_said_without_a_sample() -> None:
    with pytest.raises(ValueError, match="no sample"):
        flags_of(replace(HEALTHY, samples=()), REACH)
