"""The heap graph on flat arrays."""
