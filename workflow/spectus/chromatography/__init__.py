"""From scans to components and features: noise, deconvolution, retention index, alignment."""
