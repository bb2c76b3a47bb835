"""How findings write numbers."""

from __future__ import annotations

import pytest

from leakhunt.detectors.wording import human_rate


@pytest.mark.parametrize(
    ("rate", "written"),
    [(1, "+1"), (0.5, "+0.5"), (7 / 3, "+2.33"), (150.2, "+150"), (999.7, "+1,000"),
     (6046 / 3, "+2,015"), (1_000_000, "+1,000,000")],
)  # fmt: skip
def test_a_rate_has_no_power_of_ten(rate: float, written: str) -> None:
    assert human_rate(rate) == written
