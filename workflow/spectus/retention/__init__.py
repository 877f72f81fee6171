"""RI standards and retention indices."""
