import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus.errors import InputError
from spectus.evaluation.baselines import ABOUT, KnownSpectra, nearest, search_all
from spectus.evaluation.metrics import Scorer
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.structures import inchikey14


def library(path: Path, *records: tuple[str | None, dict[float, float]]) -> Path:
    columns = {
        "name": [f"r{i}" for i in range(len(records))],
        "smiles": [smiles for smiles, _ in records],
        "split": ["train" if i % 2 == 0 else "valid" for i in range(len(records))],
        "mz": [list(peaks) for _, peaks in records],
        "intensity": [list(peaks.values()) for _, peaks in records],
    }
    pq.write_table(pa.table(columns), path)
    return path


def known(path: Path, *records: tuple[str | None, dict[float, float]]) -> KnownSpectra:
    return KnownSpectra.read(library(path, *records), None, NO_EXCLUSIONS)


def test_records_without_a_structure_and_held_out_ones_are_left_out_and_counted(tmp_path: Path) -> None:
    alanine = inchikey14("CC(N)C(=O)O")
    path = library(
        tmp_path / "a.parquet",
        ("C[C@H](N)C(=O)O", {44: 1}), (None, {44: 1}), ("no molecule", {44: 1}), ("OCC", {31: 1}), ("CC", {}),
        ("CCO", {45: 1}),
    )  # fmt: skip
    spectra = KnownSpectra.read(path, None, Exclusions(sums={hashlib.sha1(alanine.encode()).hexdigest(): "a"}))
    assert (spectra.smiles, spectra.n_no_structure, spectra.n_excluded) == (["CCO", "CCO"], 2, 1)
    assert spectra.table["entry"].to_pylist() == [3, 5]
    assert spectra.compounds == [inchikey14("CCO")] * 2
    assert spectra.masses().tolist() == [46, 46]


@pytest.mark.parametrize(
    ("records", "split", "problem"),
    [
        ([(None, {44: 1}), ("?", {44: 1})], None, "holds no usable spectrum with a structure"),
        ([("CC", {})], None, "holds no usable spectrum; "),
        ([("CC", {15: 1})], "valid", "holds no usable spectrum of split 'valid'; "),
        ([("CCO", {45: 1})], None, "holds only excluded compounds"),
    ],
)
def test_nothing_to_use_is_told(
    tmp_path: Path, records: list[tuple[str | None, dict[float, float]]], split: str | None, problem: str
) -> None:
    excluded = Exclusions(sums={hashlib.sha1(inchikey14("CCO").encode()).hexdigest(): "a"})
    with pytest.raises(InputError, match=problem):
        KnownSpectra.read(library(tmp_path / "a.parquet", *records), split, excluded)


def test_each_search_by_its_own_measure(tmp_path: Path) -> None:
    """Butanone: the plain cosine prefers the record of the same peaks, the hybrid one the homologue shifted by CH2."""
    queries = known(tmp_path / "q.parquet", ("CCC(C)=O", {43: 1, 57: 0.9, 72: 0.9}))
    reference = known(
        tmp_path / "r.parquet",
        ("CCC(=O)CC", {29: 0.4, 57: 1, 71: 0.9, 86: 0.9}),  # pentan-3-one: 71 and 86 are shifted, 57 is as it stands
        ("OCCO", {43: 1}),
        ("c1ccccc1", {78: 1}),
        ("CCCO", {43: 0.1, 57: 0.3, 72: 1}),  # ions at high mass, which the weighted cosine prefers
    )
    found = search_all(queries, reference, 3, Scorer())
    assert set(found) == set(ABOUT)
    assert [found[name][0][0] for name in found] == ["CCCO", "CCC(=O)CC", "CCCO", "CCC(=O)CC"]
    assert found["cosine"][0] == ["CCCO", "OCCO", "CCC(=O)CC"]
    assert len(found["nearest"][0]) == 3


def test_plain_cosine_agrees_with_its_definition(tmp_path: Path) -> None:
    """m/z are rounded, and those that become one are summed; a record of the compound again is no new candidate."""
    queries = known(tmp_path / "q.parquet", ("CC", {29.9: 1, 15.2: 0.5}))
    reference = known(
        tmp_path / "r.parquet",
        ("CCl", {14.9: 1, 15.1: 1, 30: 1}),  # 15: 2, 30: 1
        ("CF", {15: 1, 30: 1}),
        ("CBr", {15.4: 0.4, 30: 1}),
        ("CF", {30: 1}),
        ("CI", {16: 1}),
    )
    query = np.array([0.5, 1])
    records = {"CCl": [2, 1], "CF": [1, 1], "CBr": [0.4, 1]}
    cosine = {s: query @ v / np.linalg.norm(query) / np.linalg.norm(v) for s, v in records.items()}
    found = search_all(queries, reference, 10, Scorer())["cosine"]
    assert found == [sorted(cosine, key=lambda smiles: -cosine[smiles])]
    assert search_all(queries, reference, 2, Scorer())["cosine"] == [["CBr", "CF"]]


def test_the_nearest_structures_are_those_of_comparing_all() -> None:
    structures = ["CCN", "CCO", "CCCO", "c1ccccc1", "CCO", "[Na+]"]
    scorer = Scorer()
    found = nearest(["CCCCO", "CCO", "CCCCO"], structures, 2, scorer)
    assert found[1] == ["CCO", "CCCO"]
    similarity = dict(zip(structures, scorer.similarities("CCCCO", scorer.fingerprints(structures)), strict=True))
    assert found[0] == found[2] == sorted(similarity, key=lambda smiles: -similarity[smiles])[:2]
    assert nearest(["[Na+]"], ["CCO"], 3, scorer) == [[]]


def test_a_ground_truth_in_the_library_is_found_even_among_its_equals() -> None:
    """Decane and undecane have the same fingerprint."""
    assert nearest(["C" * 11], ["C" * 10, "C" * 12, "C" * 11], 1, Scorer()) == [["C" * 11]]


def test_a_query_that_shares_no_peak_gets_nothing(tmp_path: Path) -> None:
    found = search_all(
        known(tmp_path / "q.parquet", ("CC", {15: 1}), ("CF", {34: 1})),
        known(tmp_path / "r.parquet", ("CF", {34: 1}), ("CBr", {94: 1})),
        5,
        Scorer(),
    )
    assert found["cosine"] == found["weighted"] == [[], ["CF"]]
    assert found["hybrid"] == [[], ["CF", "CBr"]]
