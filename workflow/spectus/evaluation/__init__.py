"""Scores of models and of searches on spectra of known structure."""
