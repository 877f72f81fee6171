"""Spectral libraries: reading, similarity, search."""
