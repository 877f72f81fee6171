"""Spectrum and candidates to scores."""
