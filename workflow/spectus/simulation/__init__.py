"""Runs with a known ground truth, from a spectral library, and how well a method gives the ground truth back.

Recipes and settings: `presets`. In memory: `runs.simulate`. Files: `campaign.simulate_campaign`. Components against the
ground truth: `scoring.score`. A finished campaign against the ground truth: `recovery.recovered`.
"""
