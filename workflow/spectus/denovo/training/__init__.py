"""Training of SpecTUS."""
