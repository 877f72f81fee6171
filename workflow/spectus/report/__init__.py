"""The campaign for people: the Parquet data set, figures, the page."""
