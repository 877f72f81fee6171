"""NEIMS: a spectrum predicted from counts of substructures."""
