"""Numbers of a Gaussian peak."""

FWHM_OF_SD = 2.3548
"""Full width at half maximum over standard deviation, 2 sqrt(2 ln 2)."""

AREA_OF_HEIGHT = 1.0645
"""Area over height times full width at half maximum, sqrt(pi / (4 ln 2))."""
