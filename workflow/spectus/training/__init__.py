"""Training and evaluation of translation models."""
