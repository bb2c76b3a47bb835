"""The histogram of durations against a sorted list."""

from __future__ import annotations

import ctypes
import math
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

NATIVE = Path(__file__).resolve().parents[2] / "leakhunt" / "agent" / "native"
SOURCE = """
#include "histogram.h"
uint64_t percentile(const uint64_t *values, size_t n, unsigned hundredths)
{
    static lk_histogram empty;
    lk_histogram h = empty;
    for (size_t i = 0; i < n; i++) {
        lk_histogram_add(&h, values[i]);
    }
    return lk_histogram_percentile(&h, hundredths);
}
uint64_t edge_above(uint64_t ns)
{
    return lk_histogram_edge(lk_histogram_bucket(ns));
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("histogram")
    (folder / "h.c").write_text(SOURCE)
    command = ["cc", "-shared", "-fPIC", "-std=gnu11", f"-I{NATIVE}", "-o", "h.so", "h.c"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "h.so"))
    library.percentile.restype = library.edge_above.restype = ctypes.c_uint64
    library.edge_above.argtypes = [ctypes.c_uint64]
    return library


durations = st.integers(0, 70).flatmap(lambda bits: st.integers(0, min(2**bits, 2**64 - 1)))


@given(values=st.lists(durations, min_size=1, max_size=200), hundredths=st.integers(0, 100))
def test_a_percentile_is_the_true_one_or_a_sixteenth_more(
    library: ctypes.CDLL, values: list[int], hundredths: int
) -> None:
    array = (ctypes.c_uint64 * len(values))(*values)
    rank = max(1, math.ceil(len(values) * hundredths / 100))
    true = sorted(values)[rank - 1]
    told = library.percentile(array, len(values), hundredths)
    assert true <= told <= min(true + true // 16, max(values))


@given(ns=durations)
def test_a_bucket_holds_what_falls_into_it(library: ctypes.CDLL, ns: int) -> None:
    edge = library.edge_above(ns)
    assert ns <= edge <= ns + ns // 16
    assert edge == 2**64 - 1 or library.edge_above(edge + 1) > edge


def test_of_nothing_there_is_none(library: ctypes.CDLL) -> None:
    assert library.percentile((ctypes.c_uint64 * 1)(), 0, 50) == 0
