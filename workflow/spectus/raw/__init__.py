"""Readers of raw runs, one module per format family; mass accuracy; writing mzML."""
