"""Runs with a known truth, from a spectral library."""
