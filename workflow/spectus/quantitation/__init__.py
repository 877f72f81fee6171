"""Amounts of compounds, comparison with blanks, and quality control of a campaign."""
