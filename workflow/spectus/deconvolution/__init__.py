"""Runs to components: pure spectra with their elution profiles."""
