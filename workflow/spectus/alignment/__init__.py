"""Components of all runs to features of the campaign, with peak areas."""
