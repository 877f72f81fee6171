"""Retention indices of several scales in a search."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.identify.ri_comparison import EXTRAPOLATED_TOLERANCE, RiComparison, ri_factor
from spectus.identify.search import search_libraries
from spectus.identify.settings import SearchSettings

PEAKS = "Num Peaks: 3\n74 999\n87 700\n143 200\n\n"


def spectra(*rows: tuple[float | None, str | None, bool | None]) -> pa.Table:
    return tables.table(
        tables.SPECTRA,
        [
            {"entry": at, "name": str(at), "ri": ri, "ri_scale": scale, "ri_extrapolated": outside}
            for at, (ri, scale, outside) in enumerate(rows)
        ],
    )


def compared(query: tuple, record: tuple) -> tuple[float, str | None, float]:
    comparison = RiComparison.of(spectra(query), spectra(record))
    pair = np.zeros(1, np.int64)
    delta, (basis,) = comparison.deltas(pair, pair), comparison.bases(pair, pair)
    return float(delta[0]), basis, float(comparison.factor(20.0)(pair, pair)[0])


def test_indices_of_one_scale_are_subtracted() -> None:
    for scale in ("alkane", "fame", None):
        delta, basis, factor = compared((1500.0, scale, None), (1480.0, scale, None))
        assert (delta, basis) == (20.0, "same scale")
        assert factor == pytest.approx(float(ri_factor(np.array(20.0), 20.0)))


def test_an_index_of_the_fame_scale_is_converted_and_weighs_less() -> None:
    for query, record in [((1927.0, "alkane", None), (1600.0, "fame", None))]:
        delta, basis, _ = compared(query, record)
        assert (delta, basis) == (0.0, "converted")
        assert compared(record, query)[:2] == (0.0, "converted")
    off = compared((1987.0, "alkane", None), (1600.0, "fame", None))
    assert off[0] == 60
    assert off[2] > float(ri_factor(np.array(60.0), 20.0))


def test_an_unknown_scale_is_read_as_alkanes_and_never_compared_with_the_fame_scale() -> None:
    assert compared((1500.0, None, None), (1480.0, "alkane", None))[:2] == (20.0, "same scale")
    for query, record in [(None, "fame"), ("fame", None)]:
        delta, basis, factor = compared((1926.0, query, None), (1600.0, record, None))
        assert np.isnan(delta)
        assert (basis, factor) == (None, 1.0)


def test_an_extrapolated_index_weighs_less() -> None:
    delta, basis, factor = compared((898.4, "alkane", True), (800.0, "alkane", None))
    assert (delta, basis) == (pytest.approx(98.4), "extrapolated")
    assert factor == pytest.approx(float(ri_factor(np.array(98.4), 20.0 * EXTRAPOLATED_TOLERANCE)))
    assert factor > 0.96
    assert compared((700.0 + 322, "alkane", None), (700.0, "fame", None))[1] == "extrapolated"  # below the esters


def test_no_index_no_difference() -> None:
    delta, basis, factor = compared((None, None, None), (1480.0, "alkane", None))
    assert np.isnan(delta)
    assert (basis, factor) == (None, 1.0)


def search(folder: Path, queries: str, library: str, **options: bool) -> list[dict]:
    (folder / "query.msp").write_text(queries)
    (folder / "library.msp").write_text(library)
    search_libraries(
        folder / "query.msp",
        [folder / "library.msp"],
        folder / "hits.parquet",
        SearchSettings(top=5, min_score=0.0, **options),
    )
    return tables.read(folder / "hits.parquet", tables.LIBRARY_HITS).to_pylist()


@pytest.mark.parametrize(
    ("scale", "line"),
    [("alkane", "are converted to the n-alkane scale"), ("", "the scale of the queries' indices is not known")],
)
def test_a_library_on_the_fame_scale_keeps_a_perfect_match_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, scale: str, line: str
) -> None:
    """Methyl palmitate is 1926 on the n-alkane scale and 1600 in the library; the wrong record is nearer as numbers."""
    library = (
        f"Name: methyl palmitate\nRI: 1600\n{PEAKS}Name: wrong\nRI: 1926\nNum Peaks: 3\n74 999\n87 500\n143 20\n\n"
    )
    named = f"RI_scale: {scale}\n" if scale else ""
    rows = search(tmp_path, f"Name: query\nRI: 1926\n{named}{PEAKS}", library)
    assert (rows[0]["name"], rows[0]["score"]) == ("methyl palmitate", pytest.approx(1.0, abs=1e-3))
    assert rows[0]["ri_basis"] == ("converted" if scale else None)
    told = [message for message in caplog.messages if line in message]
    assert len(told) == 1


def test_spectra_that_are_not_from_electron_ionization_are_not_searched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    esi = f"Name: esi\nInstrument_type: LC-ESI-QQ\n{PEAKS}"
    ei = f"Name: ei\nInstrument_type: GC-EI-TOF\n{PEAKS}"
    silent = f"Name: says nothing\n{PEAKS}"
    assert {row["name"] for row in search(tmp_path, silent, esi + ei + silent)} == {"ei", "says nothing"}
    assert "1 of 3 records are not from electron ionization (ESI: 1); they are not searched" in caplog.text
    every = search(tmp_path, silent, esi + ei + silent, any_ionization=True)
    assert {row["name"] for row in every} == {"ei", "esi", "says nothing"}
    with pytest.raises(InputError, match="search it all the same with --any-ionization"):
        search(tmp_path, silent, esi)
    (row,) = search(tmp_path, esi, ei)
    assert (row["name"], row["reason"]) == (None, "not from electron ionization: ESI")


def test_a_contradiction_travels_with_the_hit(tmp_path: Path) -> None:
    library = f"Name: a\nSMILES: CCCCCCCCCCCC\nInChIKey: YXFVVABEGXRONW-UHFFFAOYSA-N\n{PEAKS}"
    (row,) = search(tmp_path, f"Name: q\n{PEAKS}", library)
    assert row["contradiction"] == "SMILES contradicts InChIKey"
