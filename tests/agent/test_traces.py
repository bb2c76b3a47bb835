"""After the agent is gone the process is as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.agent.identity_targets import agent, each_account, each_version, helper, run

ALLOWED_GROWTH_BYTES = 1 << 20
"""Over 200 captures: the C library's arenas settle at different sizes, then stay."""


def traces(version: str, folder: Path, account: str, allocator: str) -> dict[str, Any]:
    done = run(version, "traces_program", agent(version), helper(version), folder, account,
               allocator=allocator)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@each_version
@each_account
@pytest.mark.parametrize("allocator", ["pymalloc", "malloc"])
def test_nothing_is_left(version: str, account: str, allocator: str, tmp_path: Path) -> None:
    found = traces(version, tmp_path, account, allocator)
    assert found["answer"] == {"restored": True, "note": ""}
    assert found["changed"] == {}
    assert found["new files"] == [str(agent(version).resolve())]
    assert list(tmp_path.iterdir()) == []
    assert found["growth"]["maps"] <= 2
    if "LEAKHUNT_SANITIZED" not in os.environ:  # the sanitizer keeps what is freed
        assert found["growth"]["resident"] <= ALLOWED_GROWTH_BYTES
        assert found["growth"]["virtual"] <= ALLOWED_GROWTH_BYTES
