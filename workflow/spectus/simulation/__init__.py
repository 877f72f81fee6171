"""Simulated runs with a known ground truth, made from a spectral library, and scores of what a method finds in them.

Recipes and settings: `presets`. Runs in memory: `runs.simulate`. Runs in files: `campaign.simulate_campaign`. Scores of
components: `scoring.score`. Scores of a finished campaign: `recovery.recovered`.
"""
