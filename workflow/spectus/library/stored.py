"""A library whose peak lists stay on disk: a search of it needs memory for the texts of its records only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from spectus.library.parquet import is_library, read_library
from spectus.library.records import read_spectra
from spectus.library.similarity import Powers, weighted_matrix
from spectus.tables import SPECTRA
from spectus.types import Ints

_PEAKS = ["mz", "intensity"]
_ROW = "row of the file"

_RECORDS_AT_ONCE = 32_768
"""Records whose peaks are in memory at once; chosen: some 50 MB."""


class StoredLibrary:
    """The records of a library, and access to their peaks.

    Parameters
    ----------
    path
        The file.
    records
        Columns of SPECTRA but the peak lists, and the record's row in the file.
    spectra
        The peak lists of all rows of the file; None: they are read when they are needed.
    """

    def __init__(self, path: Path, records: pa.Table, spectra: pa.Table | None) -> None:
        self.path, self.records, self._spectra = path, records, spectra

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file that `read_spectra` reads. Of a Parquet library of this project, the peak lists stay on disk.

        Raises
        ------
        InputError
            As `read_spectra`.
        """
        stored = is_library(path)
        whole = read_library(path, without=_PEAKS) if stored else read_spectra(path)
        assert whole is not None
        records = whole.drop_columns(_PEAKS).append_column(_ROW, pa.array(np.arange(len(whole)), pa.int64()))
        return cls(path, records, None if stored else whole.select(_PEAKS))

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def filter(self, records: pa.Table) -> Self:
        """Return the library with some of its records: rows of `self.records`, in their order."""
        return type(self)(self.path, records, self._spectra)

    def matrices(self, powers: Powers) -> Iterator[csr_array]:
        """Yield the weighted spectra of the records in parts, in order (see `weighted_matrix`)."""
        rows = self.records[_ROW].to_numpy()
        start = 0
        for part in self._parts():
            at = np.searchsorted(rows, [start, start + len(part)])
            of_part = part.take(pa.array(rows[slice(*at)] - start))
            start += len(part)
            yield weighted_matrix(of_part["mz"], of_part["intensity"], **powers._asdict())

    def spectra(self, places: Ints) -> pa.Table:
        """Return some records with their peaks.

        Parameters
        ----------
        places
            Rows of `records`, each once, ascending.

        Returns
        -------
        pa.Table
            Schema SPECTRA.
        """
        chosen = self.records.take(pa.array(places))
        rows = chosen[_ROW].to_numpy()
        start, found = 0, []
        for part in self._parts():
            at = np.searchsorted(rows, [start, start + len(part)])
            found.append(part.take(pa.array(rows[slice(*at)] - start)))
            start += len(part)
            if at[1] == len(rows):
                break
        peaks = pa.concat_tables([_NO_PEAKS, *found]).combine_chunks()
        for name in _PEAKS:
            chosen = chosen.append_column(name, peaks[name])
        return chosen.select(SPECTRA.names).cast(SPECTRA)

    def _parts(self) -> Iterator[pa.Table]:
        """Yield the peak lists of the file's rows, in parts."""
        if self._spectra is not None:
            for start in range(0, len(self._spectra), _RECORDS_AT_ONCE):
                yield self._spectra.slice(start, _RECORDS_AT_ONCE)
            return
        schema = _NO_PEAKS.schema
        with pq.ParquetFile(self.path, memory_map=True) as parquet:
            for batch in parquet.iter_batches(_RECORDS_AT_ONCE, columns=_PEAKS):
                yield pa.Table.from_batches([batch]).cast(schema)


_NO_PEAKS = pa.schema([SPECTRA.field(name) for name in _PEAKS]).empty_table()
