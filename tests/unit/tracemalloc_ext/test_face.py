"""The Python face of the sampler: values that are refused, estimates of known samples."""

from __future__ import annotations

import math
import random

import pytest

from leakhunt import tracemalloc_ext
from leakhunt.tracemalloc_ext._estimate import probability, sum_up
from leakhunt.tracemalloc_ext._snapshot import Sample, SampledSnapshot


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_bytes": 0}, r"sample_bytes is 0: 1 to 2\*\*40"),
        ({"sample_bytes": 1 << 41}, "sample_bytes is 2199023255552"),
        ({"max_frames": 0}, "0 frames: 1 to 128"),
        ({"max_frames": 129}, "129 frames: 1 to 128"),
    ],
)
def test_values_that_are_not_possible(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tracemalloc_ext.start(**arguments)
    assert not tracemalloc_ext.is_tracing()


def test_the_context_ends_it_also_when_it_fails() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError), tracemalloc_ext.sampling(4096, seed=1):
        fail()
    assert tracemalloc_ext.get_sampling() == ("none", 0, 0, ())


def test_asking_while_it_is_off() -> None:
    with pytest.raises(RuntimeError, match=r"call start\(\) before"):
        tracemalloc_ext.take_snapshot()
    assert tracemalloc_ext.get_object_traceback([]) is None
    assert tracemalloc_ext.get_traced_memory() == (0, 0)
    assert set(tracemalloc_ext.get_overhead()) == {0}
    assert tracemalloc_ext.stop() is True


def snapshot(*sizes: int, sample_bytes: int = 1000) -> SampledSnapshot:
    samples = [Sample(0, size, (("shop.py", 7), ("main.py", 1)), 0) for size in sizes]
    return SampledSnapshot(
        samples, 64, sample_bytes=sample_bytes, source="sampled",
        function_by_frame={("shop.py", 7): "serve"},
    )  # fmt: skip


def test_a_sample_stands_for_what_was_passed_over() -> None:
    [site] = snapshot(10, 1000).estimates()
    chances = [1 - math.exp(-0.01), 1 - math.exp(-1)]
    assert site.function == "serve"
    assert site.value_count == pytest.approx(sum(1 / p for p in chances))
    assert site.value_bytes == pytest.approx(10 / chances[0] + 1000 / chances[1])
    assert 1010 <= site.low_bytes < site.value_bytes < site.high_bytes
    assert 2 <= site.low_count < site.value_count < site.high_count


def test_what_is_exact_has_no_interval() -> None:
    [site] = snapshot(10, 20, sample_bytes=0).estimates("traceback")
    assert (site.low_bytes, site.value_bytes, site.high_bytes) == (30, 30, 30)
    assert len(site.traceback) == 2


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValueError, match="'lines'"):
        snapshot(1).estimates("lines")


@pytest.mark.parametrize("blocks", [3, 40, 2000])
@pytest.mark.parametrize("size", [16, 700, 5000])
def test_intervals_hold_what_they_say(size: int, blocks: int) -> None:
    """Simulated: blocks of one size are sampled, sites without a sample are not judged."""
    sample_bytes, chance = 1000, random.Random(size * blocks)
    p = probability(size, sample_bytes)
    inside = judged = 0
    for _ in range(400):
        count = sum(chance.random() < p for _ in range(blocks))
        if count:
            found = sum_up([size] * count, [p] * count, 0)
            inside += found.low <= size * blocks <= found.high
            judged += 1
    # Where most runs have no sample at all, one that has is large by that.
    if judged == 400:
        assert inside / judged > 0.93
