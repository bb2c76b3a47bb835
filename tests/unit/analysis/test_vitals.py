"""Red flags: each is raised by what it is for, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.analysis.bill import PARTS, Bill, BillPart
from leakhunt.analysis.vitals import Light, Patient, Sample, flags_of, worst

MIB = 1 << 20
PID = 4242


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


HEALTHY = Patient(samples(), 1024, bill(), 5, 0)


def raised(patient: Patient) -> dict[str, Light]:
    return {f.name: f.light for f in flags_of(patient, PID) if f.light is not Light.GREEN}


def test_a_healthy_process_has_no_flag() -> None:
    assert raised(HEALTHY) == {}
    flags = flags_of(HEALTHY, PID)
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
    ],
)  # fmt: skip
def test_each_flag_is_raised_alone(name: str, light: Light, change: dict[str, object]) -> None:
    patient = replace(HEALTHY, **change)  # type: ignore[arg-type]
    assert raised(patient) == {name: light}
    (flag,) = [flag for flag in flags_of(patient, PID) if flag.name == name]
    assert str(PID) in flag.next
    assert worst(flags_of(patient, PID)) is light


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
    unknown = replace(HEALTHY, bill=None, descriptors_max=None, samples=samples()[:2])
    assert set(raised(unknown).values()) == {Light.UNKNOWN}
    assert worst(flags_of(unknown, PID)) is Light.GREEN


def test_nothing_can_be_said_without_a_sample() -> None:
    with pytest.raises(ValueError, match="no sample"):
        flags_of(replace(HEALTHY, samples=()), PID)
