"""Which derivative of a record's structure was measured: by field, name, formula and masses."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spectus.cli import main
from spectus.library.records import read_spectra
from spectus.molecules.measured_form import (
    MeasuredForm,
    SpectrumRecord,
    derivative_of,
    excluded_by_ions,
    with_measured_forms,
)
from spectus.structures import flat_smiles
from spectus.tables import SPECTRA

LACTIC = "CC(O)C(=O)O"  # mass 90
LACTIC_2_TMS = "CC(O[Si](C)(C)C)C(=O)O[Si](C)(C)C"  # mass 234
GLUCOSE = "OCC1OC(O)C(O)C(O)C1O"  # mass 180


def form(smiles: str | None, peaks: dict[int, float], **said: str) -> MeasuredForm:
    return derivative_of(SpectrumRecord(smiles, np.array([*peaks]), np.array([*peaks.values()]), **said))


def test_ions_at_m_minus_15_tell_the_derivative() -> None:
    found = form(LACTIC, {73: 80, 117: 70, 147: 100, 191: 12, 219: 6, 220: 1})
    assert found == MeasuredForm("2 TMS", flat_smiles(LACTIC_2_TMS), None)


def test_carbonyl_groups_become_methoximes_and_sugars_open() -> None:
    peaks = {73: 100, 103: 30, 147: 40, 205: 40, 217: 30, 319: 45, 364: 4, 554: 1, 569: 0.5}
    found = form(GLUCOSE, peaks)
    assert found.derivative == "1 MeOx, 5 TMS"
    assert found.smiles is not None and found.smiles.count("[Si]") == 5 and "NOC" in found.smiles.replace("CON", "NOC")


def test_a_spectrum_below_the_molecule_is_of_the_structure_as_given() -> None:
    assert form(LACTIC, {45: 100, 75: 5, 90: 2, 92: 0.1}) == MeasuredForm()
    assert form("Clc1c(Cl)c(Cl)c(Cl)c(Cl)c1Cl", {282: 50, 284: 100, 286: 80, 288: 34, 290: 9}) == MeasuredForm()


def test_ions_that_no_derivative_explains_exclude_the_structure() -> None:
    found = form("c1ccccc1", {77: 20, 91: 100, 105: 80, 134: 60})
    assert found.derivative is found.smiles is None
    assert found.excluded == "92% of the ion current, up to m/z 134, lies above the molecule (mass 78)"


@pytest.mark.parametrize(
    ("name", "derivative"),
    [
        ("Lactic acid, 2TMS derivative", "2 TMS"),
        ("Lactic acid (2TMS) MP", "2 TMS"),
        ("bis(trimethylsilyl) lactate", "2 TMS"),
        ("lactic acid-2TBDMS", "2 TBDMS"),
        ("L-lactic acid [major]", None),
        ("methoxyphenyl lactate", None),
        ("moxifloxacin", None),
    ],
)
def test_the_name_tells_the_derivative(name: str, derivative: str | None) -> None:
    found = form(LACTIC, {45: 100, 75: 5}, name=name)
    assert found.derivative == derivative
    assert found.smiles == (flat_smiles(LACTIC_2_TMS) if derivative == "2 TMS" else None)


def test_a_name_without_a_number_leaves_the_number_to_the_masses() -> None:
    peaks = {73: 80, 117: 70, 147: 100, 191: 12, 219: 6}
    assert form(LACTIC, peaks, name="lactic acid TMS").derivative == "2 TMS"
    assert form(LACTIC, {73: 100, 45: 20}, name="lactic acid TMS").derivative == "1 TMS"
    assert form("Oc1ccc2ccccc2c1", {73: 60, 201: 100, 216: 90}, name="estra-3-TMS").derivative == "1 TMS"


def test_a_field_goes_before_the_name_and_the_formula_before_the_masses() -> None:
    assert form(LACTIC, {45: 100}, name="lactate, TMS", derivative="2 TMS").derivative == "2 TMS"
    assert form(LACTIC, {45: 100}, formula="C9H22O3Si2").derivative == "2 TMS"
    assert form(LACTIC, {45: 100}, formula="C3H6O3").derivative is None
    assert form("CC(=O)C(=O)O", {45: 100}, formula="C7H15NO3Si").derivative == "1 MeOx, 1 TMS"
    assert form(LACTIC, {45: 100}, derivative="0 TMS") == MeasuredForm()
    assert form(LACTIC, {45: 100, 300: 20}, derivative="TFA, TMS") == MeasuredForm("TFA, TMS")


def test_a_structure_that_is_a_derivative_is_taken_as_given() -> None:
    peaks = {73: 80, 117: 70, 147: 100, 219: 6}
    assert form(LACTIC_2_TMS, peaks, name="Lactic acid, 2TMS derivative") == MeasuredForm()
    assert form("CC(C)=NOC", {56: 100, 87: 40}, name="acetone O-methyloxime") == MeasuredForm()


def test_a_record_without_structure_keeps_what_its_name_tells() -> None:
    assert form(None, {73: 100, 300: 10}, name="unknown 3TMS") == MeasuredForm("3 TMS")
    assert form("not a SMILES", {73: 100}, name="x") == MeasuredForm()


def test_the_ions_of_a_query_exclude_lighter_molecules() -> None:
    assert excluded_by_ions("CCO", [45, 46], [1, 0.2]) is None
    assert "above the molecule (mass 46)" in str(excluded_by_ions("CCO", [45, 146], [1, 0.2]))
    assert excluded_by_ions("CCO", [45, 146], [1, 0.02]) is None  # less than may be background


def test_a_table_is_completed_and_known_rows_stay() -> None:
    rows = [
        {"entry": 0, "name": "a", "smiles": LACTIC, "mz": [73.0, 147.0, 219.0], "intensity": [1.0, 0.9, 0.1]},
        {"entry": 1, "name": "b", "smiles": LACTIC, "mz": [300.0], "intensity": [1.0], "excluded": "before"},
        {"entry": 2, "name": "c", "smiles": LACTIC, "mz": [45.0], "intensity": [1.0], "derivative": "TFA"},
        {"entry": 3, "name": "d, 2TMS", "smiles": LACTIC, "reason": "no peaks"},
    ]
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in SPECTRA]
    completed = with_measured_forms(pa.Table.from_arrays(columns, schema=SPECTRA))
    assert completed.schema.equals(SPECTRA)
    assert completed["derivative"].to_pylist() == ["2 TMS", None, "TFA", None]
    assert completed["excluded"].to_pylist() == [None, "before", None, None]


def test_the_command_fills_the_columns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = tmp_path / "lib.msp"
    library.write_text(
        f"Name: lactic acid\nSMILES: {LACTIC}\nCAS: 50-21-5\nNum Peaks: 4\n73 80; 147 100; 191 12; 219 6\n\n"
        "Name: benzene\nSMILES: c1ccccc1\nCASNO: 71432\nNum Peaks: 3\n78 100; 105 80; 134 60\n"
    )
    assert main(["library", str(library), "--out", str(tmp_path / "lib.parquet")]) == 0
    rows = read_spectra(tmp_path / "lib.parquet").to_pylist()
    assert [(row["cas"], row["derivative"], row["excluded"] is None) for row in rows] == [
        ("50-21-5", "2 TMS", True),
        ("71-43-2", None, False),
    ]
    assert "1 of 2 records are of derivatives" in caplog.text and "1 of 2 records exclude" in caplog.text


def test_agreement_with_labels_of_pnnl(shared: Path) -> None:
    """PNNL's library gives the free metabolite; the labels beside it were found with other rules."""
    spectra = pd.read_parquet(shared / "extra_ei.parquet")
    spectra = spectra[spectra.source.str.startswith("CoreMS PNNL") & ~spectra.label_assumed]
    agree = []
    for row in spectra.itertuples():
        expected = re.sub(r"(?<!\d )(MeOx|TMS)", r"1 \1", row.derivative or "")
        found = derivative_of(SpectrumRecord(row.parent_smiles or row.smiles, row.mz, row.intensity))
        agree.append((found.derivative or "").replace(",", "") == expected)
    assert np.mean(agree) > 0.95
