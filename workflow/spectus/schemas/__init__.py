"""JSON schemas of the configuration and of the sample sheet."""
