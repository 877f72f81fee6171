"""Raw GC-MS instrument runs in, identified molecules out."""

__version__ = "0.4.0"
