"""Snapshot files to frozen arrays and back: the only file I/O."""
