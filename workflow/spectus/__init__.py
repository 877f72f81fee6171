"""Raw GC-MS instrument runs in, identified molecules out."""

__version__ = "0.1.0"
