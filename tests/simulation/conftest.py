"""The library that ships with the project, read once."""

from pathlib import Path

import pyarrow as pa
import pytest

from spectus.library.records import read_spectra

LIBRARIES = [
    Path(__file__).parents[2] / "resources" / "libraries" / name for name in ("PNNLMetV20191015.msp", "FAMES_REF.msp")
]


@pytest.fixture(scope="session")
def library() -> pa.Table:
    return pa.concat_tables([read_spectra(path) for path in LIBRARIES])
