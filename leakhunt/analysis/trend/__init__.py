"""Trend: growth over a ladder of snapshots, compared by path instead of by object.

``results`` and ``slope`` are plain data, light enough for whoever only reads a report.
"""
