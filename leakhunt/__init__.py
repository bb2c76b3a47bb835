"""leakhunt: a memory-leak detective for running CPython programs.

The names of the typed API are loaded on first use (PEP 562), so that ``import leakhunt``
imports nothing of ours and nothing installed: ``leakhunt.agent`` must load in a process
that has none of our dependencies.  (The use cases keep their own names here: a name ``hunt``
would be the function or the submodule, depending on what was imported first.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.agent.marks import mark
    from leakhunt.analysis.trend.results import Trend
    from leakhunt.analysis.waste.results import Waste
    from leakhunt.detectors.base import Category, Finding, Verdict
    from leakhunt.errors import (
        LeakhuntError,
        MemoryNeedError,
        NativeBuildError,
        SnapshotError,
        TargetError,
        UsageError,
    )
    from leakhunt.hunt import (
        HuntOptions,
        LiveOptions,
        Progress,
        SnapshotOptions,
        SnapshotTaken,
        VerifyOptions,
        diff_files,
        export_around,
        export_heapsnapshots,
        find_paths,
        find_waste_in,
        hunt_live,
        hunt_scenario,
        snapshot_process,
        trend_files,
        verify_hunt,
        what_if,
    )
    from leakhunt.report.model import Report
    from leakhunt.report.paths_model import PathsReport
    from leakhunt.report.verify_model import Verification
    from leakhunt.report.whatif_model import WhatIfReport
    from leakhunt.store.reader import open_snapshot

__version__ = "0.1.0"

__all__ = [
    "Category",
    "Finding",
    "HuntOptions",
    "LeakhuntError",
    "LiveOptions",
    "MemoryNeedError",
    "NativeBuildError",
    "PathsReport",
    "Progress",
    "Report",
    "SnapshotError",
    "SnapshotOptions",
    "SnapshotTaken",
    "TargetError",
    "Trend",
    "UsageError",
    "Verdict",
    "Verification",
    "VerifyOptions",
    "Waste",
    "WhatIfReport",
    "__version__",
    "diff_files",
    "export_around",
    "export_heapsnapshots",
    "find_paths",
    "find_waste_in",
    "hunt_live",
    "hunt_scenario",
    "mark",
    "open_snapshot",
    "snapshot_process",
    "trend_files",
    "verify_hunt",
    "what_if",
]

_SOURCE_BY_NAME = {
    "Category": ("leakhunt.detectors.base", "Category"),
    "Finding": ("leakhunt.detectors.base", "Finding"),
    "HuntOptions": ("leakhunt.hunt", "HuntOptions"),
    "LeakhuntError": ("leakhunt.errors", "LeakhuntError"),
    "LiveOptions": ("leakhunt.hunt", "LiveOptions"),
    "MemoryNeedError": ("leakhunt.errors", "MemoryNeedError"),
    "NativeBuildError": ("leakhunt.errors", "NativeBuildError"),
    "Progress": ("leakhunt.hunt", "Progress"),
    "Report": ("leakhunt.report.model", "Report"),
    "SnapshotError": ("leakhunt.errors", "SnapshotError"),
    "SnapshotOptions": ("leakhunt.hunt", "SnapshotOptions"),
    "SnapshotTaken": ("leakhunt.hunt", "SnapshotTaken"),
    "TargetError": ("leakhunt.errors", "TargetError"),
    "Trend": ("leakhunt.analysis.trend.results", "Trend"),
    "UsageError": ("leakhunt.errors", "UsageError"),
    "Verdict": ("leakhunt.detectors.base", "Verdict"),
    "Verification": ("leakhunt.report.verify_model", "Verification"),
    "VerifyOptions": ("leakhunt.hunt", "VerifyOptions"),
    "Waste": ("leakhunt.analysis.waste.results", "Waste"),
    "diff_files": ("leakhunt.hunt", "diff_files"),
    "find_waste_in": ("leakhunt.hunt", "find_waste_in"),
    "export_around": ("leakhunt.hunt", "export_around"),
    "export_heapsnapshots": ("leakhunt.hunt", "export_heapsnapshots"),
    "hunt_live": ("leakhunt.hunt", "hunt_live"),
    "hunt_scenario": ("leakhunt.hunt", "hunt_scenario"),
    "mark": ("leakhunt.agent.marks", "mark"),
    "open_snapshot": ("leakhunt.store.reader", "open_snapshot"),
    "snapshot_process": ("leakhunt.hunt", "snapshot_process"),
    "trend_files": ("leakhunt.hunt", "trend_files"),
    "verify_hunt": ("leakhunt.hunt", "verify_hunt"),
    "PathsReport": ("leakhunt.report.paths_model", "PathsReport"),
    "WhatIfReport": ("leakhunt.report.whatif_model", "WhatIfReport"),
    "find_paths": ("leakhunt.hunt", "find_paths"),
    "what_if": ("leakhunt.hunt", "what_if"),
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _SOURCE_BY_NAME:
        raise AttributeError(f"module 'leakhunt' has no attribute {name!r}")
    from importlib import import_module

    module_name, attribute = _SOURCE_BY_NAME[name]
    value: object = getattr(import_module(module_name), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted(set(globals()) | set(__all__))
