"""The use cases: hunt, compare, follow a trend, ask what a fix would free."""

from leakhunt.hunt.analyse import analyse_file
from leakhunt.hunt.around import export_around
from leakhunt.hunt.export import check_heapsnapshots, export_heapsnapshots
from leakhunt.hunt.files import diff_files
from leakhunt.hunt.options import HuntOptions
from leakhunt.hunt.paths import find_paths
from leakhunt.hunt.scenario import hunt_scenario
from leakhunt.hunt.trend import trend_files
from leakhunt.hunt.verify import VerifyOptions, verify_hunt
from leakhunt.hunt.whatif import what_if
from leakhunt.target.progress import Progress

__all__ = [
    "HuntOptions",
    "Progress",
    "VerifyOptions",
    "analyse_file",
    "check_heapsnapshots",
    "diff_files",
    "export_around",
    "export_heapsnapshots",
    "find_paths",
    "hunt_scenario",
    "trend_files",
    "verify_hunt",
    "what_if",
]
