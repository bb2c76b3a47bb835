"""The ``.heapsnapshot`` format of V8: what Chrome DevTools and memlab read."""
