"""Runs with a known truth, from a spectral library, and how well a method gives the truth back.

Recipes and settings: `presets`. In memory: `runs.simulate`. Files: `campaign.simulate_campaign`. Components against the
truth: `scoring.score`. A finished campaign against the truth: `recovery.recovered`.
"""
