"""Rules that say why something leaks, one category a file."""
