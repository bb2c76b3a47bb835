"""What runs inside the target: standard library and our C extension only."""
