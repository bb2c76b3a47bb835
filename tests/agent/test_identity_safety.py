"""While births are watched nothing breaks, and at the end of the process neither."""

from __future__ import annotations

import pytest

from tests.agent.identity_safety import SCENARIOS
from tests.agent.identity_targets import agent, each_account, each_version, helper, run

# 3.13 itself overflows the small stack: its trashcan counts calls, not bytes.
NOT_THERE = {("3.13", "deep_in_small_threads")}


def check(version: str, scenario: str, account: str, allocator: str = "pymalloc") -> None:
    if (version, scenario) in NOT_THERE:
        pytest.skip(f"CPython {version} crashes here without us")
    done = run(version, "identity_safety", agent(version), helper(version), scenario, account,
               allocator=allocator)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "done"


@each_version
@each_account
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_watching_is_safe(version: str, scenario: str, account: str) -> None:
    check(version, scenario, account)


@each_version
@each_account
@pytest.mark.parametrize("allocator", ["debug", "malloc"])
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name.startswith("exit")])
def test_the_end_is_safe_with_other_allocators(
    version: str, scenario: str, account: str, allocator: str
) -> None:
    check(version, scenario, account, allocator)


@pytest.mark.slow
@each_version
@each_account
@pytest.mark.parametrize("allocator", ["debug", "malloc"])
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if not name.startswith("exit")])
def test_watching_is_safe_with_other_allocators(
    version: str, scenario: str, account: str, allocator: str
) -> None:
    check(version, scenario, account, allocator)
