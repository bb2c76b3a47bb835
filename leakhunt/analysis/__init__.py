"""Pure functions over snapshots: reachability, dominators, paths, diff, holders."""
