"""Sampled allocation stacks in the formats of flame graphs and profilers."""
