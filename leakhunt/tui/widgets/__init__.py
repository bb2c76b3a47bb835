"""Widgets that know nothing of leaks."""
