"""Exports of a campaign's results into the formats of other programs."""
