"""Candidates: merging, ranking, identification levels."""
