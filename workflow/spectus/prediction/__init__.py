"""Structure to spectrum: prediction models."""
