"""Examine this very process: what one cycle of something leaves behind.

Cheap where nothing leaks (:mod:`newborn`), a whole hunt where something does
(:mod:`examine`).  For tests; a program is hunted from outside.
"""
