"""The parts of a training that all models share."""
