"""The use cases: hunt a scenario, compare snapshot files, ask what a fix would free."""

from leakhunt.hunt.files import diff_files
from leakhunt.hunt.options import HuntOptions
from leakhunt.hunt.scenario import hunt_scenario
from leakhunt.hunt.whatif import what_if
from leakhunt.target.progress import Progress

__all__ = ["HuntOptions", "Progress", "diff_files", "hunt_scenario", "what_if"]
