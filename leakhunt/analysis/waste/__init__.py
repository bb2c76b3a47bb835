"""Wasted memory: equal values kept twice, containers with little in them, needless dicts.

``results`` is plain data, light enough for whoever only reads an answer.
"""
