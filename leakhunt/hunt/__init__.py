"""The use cases: hunt a scenario or a live process, take snapshots, compare them, follow a trend,
verify a fix, ask what one would free.

Names are loaded on first use (PEP 562): a comparison of files needs no injector, and a hunt no
graph library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.hunt.analyse import analyse_file
    from leakhunt.hunt.around import export_around
    from leakhunt.hunt.export import check_heapsnapshots, export_heapsnapshots
    from leakhunt.hunt.files import diff_files
    from leakhunt.hunt.live import hunt_live
    from leakhunt.hunt.live_options import LiveOptions, SnapshotOptions
    from leakhunt.hunt.options import HuntOptions
    from leakhunt.hunt.paths import find_paths
    from leakhunt.hunt.scenario import hunt_scenario
    from leakhunt.hunt.snapshot import SnapshotTaken, snapshot_process
    from leakhunt.hunt.trend import trend_files
    from leakhunt.hunt.verify import VerifyOptions, needs_control, verify_hunt
    from leakhunt.hunt.waste import find_waste_in
    from leakhunt.hunt.whatif import what_if
    from leakhunt.target.progress import Progress

__all__ = [
    "HuntOptions",
    "LiveOptions",
    "Progress",
    "SnapshotOptions",
    "SnapshotTaken",
    "VerifyOptions",
    "analyse_file",
    "check_heapsnapshots",
    "diff_files",
    "export_around",
    "export_heapsnapshots",
    "find_paths",
    "find_waste_in",
    "hunt_live",
    "hunt_scenario",
    "needs_control",
    "snapshot_process",
    "trend_files",
    "verify_hunt",
    "what_if",
]

_MODULE_BY_NAME = {
    "HuntOptions": "leakhunt.hunt.options",
    "LiveOptions": "leakhunt.hunt.live_options",
    "Progress": "leakhunt.target.progress",
    "SnapshotOptions": "leakhunt.hunt.live_options",
    "SnapshotTaken": "leakhunt.hunt.snapshot",
    "VerifyOptions": "leakhunt.hunt.verify",
    "analyse_file": "leakhunt.hunt.analyse",
    "check_heapsnapshots": "leakhunt.hunt.export",
    "diff_files": "leakhunt.hunt.files",
    "export_around": "leakhunt.hunt.around",
    "export_heapsnapshots": "leakhunt.hunt.export",
    "find_paths": "leakhunt.hunt.paths",
    "find_waste_in": "leakhunt.hunt.waste",
    "hunt_live": "leakhunt.hunt.live",
    "hunt_scenario": "leakhunt.hunt.scenario",
    "needs_control": "leakhunt.hunt.verify",
    "snapshot_process": "leakhunt.hunt.snapshot",
    "trend_files": "leakhunt.hunt.trend",
    "verify_hunt": "leakhunt.hunt.verify",
    "what_if": "leakhunt.hunt.whatif",
}


def __getattr__(name: str) -> object:
    """Load a use case on first use."""
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module 'leakhunt.hunt' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULE_BY_NAME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted(set(globals()) | set(__all__))
