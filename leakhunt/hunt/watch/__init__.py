"""Watch processes for hours or months: samples, trends, snapshots before the kernel kills.

Nothing here may load an analysis: who watches stays below 30 MB.
"""
