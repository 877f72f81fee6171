"""Forward models: from a structure to the EI spectrum it would give."""
