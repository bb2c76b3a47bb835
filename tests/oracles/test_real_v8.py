"""The strict reader takes what V8 itself writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from leakhunt.interop.heapsnapshot.check import check_heapsnapshot
from tests.oracles.viewers import needs_viewers

pytestmark = [pytest.mark.slow, pytest.mark.oracle, needs_viewers]


PLAIN = "require('v8').writeHeapSnapshot(process.argv[1])"
TRACKED = """
const fs = require('fs'), inspector = require('inspector');
const out = fs.openSync(process.argv[1], 'w'), session = new inspector.Session();
session.connect();
session.on('HeapProfiler.addHeapSnapshotChunk', m => fs.writeSync(out, m.params.chunk));
session.post('HeapProfiler.startTrackingHeapObjects', {trackAllocations: true});
globalThis.kept = Array.from({length: 1000}, (_, i) => ({i}));
session.post('HeapProfiler.takeHeapSnapshot', {}, () => process.exit(0));
"""


@pytest.mark.parametrize("code", [PLAIN, TRACKED], ids=["plain", "tracked"])
def test_a_heap_snapshot_of_node(code: str, tmp_path: Path) -> None:
    """With allocations tracked it has traces, samples and locations."""
    file = tmp_path / "node.heapsnapshot"
    subprocess.run(["node", "-e", code, str(file)], check=True, timeout=60)
    checked = check_heapsnapshot(file)
    assert checked.node_count > 10_000
    assert checked.self_bytes > 1_000_000
    assert not checked.is_ours
