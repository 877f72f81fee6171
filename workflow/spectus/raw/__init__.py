"""Readers of raw runs, one file a format family; writing mzML."""
