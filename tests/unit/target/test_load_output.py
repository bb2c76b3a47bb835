from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.target.load_output import LoadFigures, read_figures

OUTPUTS = Path(__file__).parent / "load_outputs"
MS = 1_000_000

EXPECTED: dict[str, tuple[str, int, int, dict[str, float]]] = {
    "wrk_latency": ("wrk", 5193, 0, {"p50": 1.44, "p99": 3.15, "mean": 1.51, "max": 10.27}),
    "wrk_errors": ("wrk", 3211, 3211, {"mean": 1.32, "max": 4.14}),
    "hey": ("hey", 200, 0, {"p50": 1.7, "p99": 3.8, "mean": 1.7, "max": 3.9}),
    "hey_errors": ("hey", 20, 20, {"max": 0}),
    "ab": ("ab", 200, 0, {"p50": 1, "p90": 2, "p99": 3, "max": 3, "mean": 1}),
    "ab_errors": ("ab", 50, 50, {"p50": 1, "max": 1}),
    "locust": ("locust", 466, 255, {"p50": 2, "p95": 3, "p99": 3, "p99.9": 16, "max": 16}),
    "k6_0": ("k6", 900, 9, {"mean": 12.25, "p50": 10.47, "p95": 25.95, "max": 1140}),
    "k6_1": ("k6", 45, 1, {"mean": 140.36, "p90": 146.88, "p95": 148.21}),
    "oha": ("oha", 2000, 30, {"p50": 4.1, "p99": 20.5, "p99.9": 38, "max": 41.2011}),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_outputs(name: str) -> None:
    tool, requests, failed, latency_ms = EXPECTED[name]
    found = read_figures((OUTPUTS / f"{name}.txt").read_text("utf-8"))
    assert (found.tool, found.requests, found.failed) == (tool, requests, failed)
    for key, expected in latency_ms.items():
        assert found.latency_ns[key] == pytest.approx(expected * MS, abs=1000), key


def test_every_recorded_output_is_checked() -> None:
    assert sorted(path.stem for path in OUTPUTS.glob("*.txt")) == sorted(EXPECTED)


def test_a_script_of_ones_own_counts_its_cycles() -> None:
    assert read_figures("working\nleakhunt-cycles: 40\nleakhunt-cycles: 2\n").requests == 42


@pytest.mark.parametrize(
    "text", ["", "done\n", "200 requests", "http_reqs: many", "Aggregated 1 2", "\0\xff" * 100]
)
def test_other_output_says_nothing(text: str) -> None:
    assert read_figures(text) == LoadFigures()
