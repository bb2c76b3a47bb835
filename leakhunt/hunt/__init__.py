"""The use cases: hunt a scenario, compare snapshot files."""

from leakhunt.hunt.files import diff_files
from leakhunt.hunt.options import HuntOptions
from leakhunt.hunt.scenario import hunt_scenario
from leakhunt.target.progress import Progress

__all__ = ["HuntOptions", "Progress", "diff_files", "hunt_scenario"]
