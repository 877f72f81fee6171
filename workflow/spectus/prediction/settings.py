"""Settings of the stage `spectus predict`; imports nothing heavy, since the command line reads the defaults here."""

from dataclasses import dataclass

SHIPPED_LIBRARIES = {"named": "libraries/named.parquet", "derivatized": "libraries/derivatized.parquet"}
"""Names of the libraries of predicted spectra that ship, and their places among the resources: compounds with names,
and their trimethylsilyl derivatives and methoximes."""


@dataclass(frozen=True)
class PredictSettings:
    """How a library of predicted spectra is written.

    Attributes
    ----------
    peaks : int
        Most peaks of a spectrum, the highest ones. Chosen: 50 hold 99 % (NEIMS) and 96 % (RASSP) of the ion current on
        average (one in four compounds of the split valid of MassBank).
    chunk : tuple of int
        (i, n): every n-th molecule from the i-th, from 1.
    threads : int
        CPU threads; 0 takes all.
    """

    peaks: int = 50
    chunk: tuple[int, int] = (1, 1)
    threads: int = 0
