"""The file against the rules of the mzTab-M 2.0 specification, read by a parser that knows only those."""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from spectus.export.mztab import write_mztab
from spectus.export.quantitation import Quantitation
from spectus.export.results import ExportedResults
from spectus.export.write import export_results
from tests.report.synthetic import MEASURED, Rows

REQUIRED = (
    "mzTab-version", "mzTab-ID", "software[1]", "quantification_method", "ms_run[1]-location",
    "ms_run[1]-scan_polarity[1]", "assay[1]", "assay[1]-ms_run_ref", "study_variable[1]",
    "study_variable[1]-assay_refs", "study_variable[1]-description", "cv[1]-label", "cv[1]-full_name", "cv[1]-version",
    "cv[1]-uri", "database[1]", "database[1]-prefix", "database[1]-version", "database[1]-uri",
    "small_molecule-quantification_unit", "small_molecule_feature-quantification_unit", "id_confidence_measure[1]",
)  # fmt: skip
NOT_NULL = {
    "SML": {"SML_ID"},
    "SMF": {"SMF_ID", "exp_mass_to_charge", "charge"},
    "SME": {
        "SME_ID", "evidence_input_id", "exp_mass_to_charge", "charge", "theoretical_mass_to_charge", "spectra_ref",
        "identification_method", "ms_level", "rank",
    },
}  # fmt: skip
PARAMETER = re.compile(r'\[([^,\]]*), ?([^,\]]*), ?("[^"]*"|[^,]*), ?(.*)\]')
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")


class MzTab:
    """The metadata and the rows of each section; complains of cells that are empty or too many."""

    def __init__(self, path: Path) -> None:
        self.metadata: dict[str, str] = {}
        self.rows: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        heads: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, *cells = line.split("\t")
            assert all(cells), line
            if kind == "MTD":
                key, value = cells
                assert key not in self.metadata
                self.metadata[key] = value
            elif kind in ("SMH", "SFH", "SEH"):
                heads[{"SMH": "SML", "SFH": "SMF", "SEH": "SME"}[kind]] = cells
            elif kind in NOT_NULL:
                self.rows[kind].append(dict(zip(heads[kind], cells, strict=True)))
            else:
                assert kind in ("", "COM"), line


@pytest.fixture(scope="module")
def mztab(results: Path, tmp_path_factory: pytest.TempPathFactory) -> MzTab:
    (path,) = export_results(results, tmp_path_factory.mktemp("mztab"), ["mztab"])
    return MzTab(path)


def test_the_metadata_is_complete(mztab: MzTab) -> None:
    assert set(REQUIRED) <= set(mztab.metadata)
    assert mztab.metadata["mzTab-version"] == "2.0.0-M"
    assert [mztab.metadata[f"assay[{number}]"] for number in (1, 2, 3)] == MEASURED
    assert mztab.metadata["study_variable[1]-assay_refs"] == "assay[1]|assay[2]"
    assert mztab.metadata["study_variable[2]"] == "blank"
    for key, value in mztab.metadata.items():
        if value.startswith("["):
            assert PARAMETER.fullmatch(value), key
        if key.endswith("-location"):
            assert value.startswith("file:///")


def test_cells_have_the_types_of_the_specification(mztab: MzTab) -> None:
    assert len(mztab.rows["SML"]) == len(mztab.rows["SMF"]) == 12
    for kind, rows in mztab.rows.items():
        ids = [row[f"{kind}_ID"] for row in rows]
        assert ids == [str(number) for number in range(1, len(rows) + 1)]
        for row in rows:
            assert not {key for key in NOT_NULL[kind] if row[key] == "null"}
            for key, value in row.items():
                if value == "null":
                    continue
                if key in ("best_id_confidence_measure", "identification_method", "ms_level"):
                    assert PARAMETER.fullmatch(value), (key, value)
                elif re.search("mass|charge|abundance|seconds|value|index|id_confidence_measure", key):
                    assert NUMBER.fullmatch(value), (key, value)


def test_references_lead_somewhere(mztab: MzTab) -> None:
    evidence = {row["SME_ID"]: row for row in mztab.rows["SME"]}
    named: list[str] = []
    for small, feature in zip(mztab.rows["SML"], mztab.rows["SMF"], strict=True):
        assert small["SMF_ID_REFS"] == feature["SMF_ID"]
        refs = [] if feature["SME_ID_REFS"] == "null" else feature["SME_ID_REFS"].split("|")
        assert feature["SME_ID_REF_ambiguity_code"] == ("1" if len(refs) > 1 else "null")
        assert [evidence[ref]["rank"] for ref in refs] == [str(rank) for rank in range(1, len(refs) + 1)]
        assert {evidence[ref]["evidence_input_id"] for ref in refs} <= {small["opt_global_feature"]}
        named += refs
    assert named == list(evidence)
    assert {row["spectra_ref"] for row in evidence.values()} == {"ms_run[1]"}


def test_the_results_come_back(mztab: MzTab, rows: Rows) -> None:
    areas = {(row["feature"], row["run"]): row["area"] for row in rows.peak_areas}
    for small, feature, row in zip(mztab.rows["SML"], mztab.rows["SMF"], rows.features, strict=True):
        assert float(feature["retention_time_in_seconds"]) == pytest.approx(row["rt_s"])
        assert float(feature["opt_global_retention_index"]) == pytest.approx(row["ri"])
        found = [float(feature[f"abundance_assay[{number}]"]) for number in (1, 2, 3)]
        assert found == pytest.approx([areas[row["feature"], run] for run in MEASURED])
        assert float(small["abundance_study_variable[1]"]) == pytest.approx(sum(found[:2]) / 2)
    first = mztab.rows["SML"][0]
    assert (first["chemical_name"], first["reliability"], first["smiles"]) == ("Toluene", "2a", "Cc1ccccc1")
    assert first["inchi"] == "InChI=1S/C7H8/c1-7-5-3-2-4-6-7/h2-6H,1H3"
    assert float(first["theoretical_neutral_mass"]) == pytest.approx(92.0626, abs=1e-4)
    assert mztab.rows["SML"][3]["opt_global_cas"] == "50-78-2" and mztab.rows["SML"][4]["reliability"] == "5"
    ion = float(mztab.rows["SME"][0]["theoretical_mass_to_charge"])
    assert ion == pytest.approx(float(first["theoretical_neutral_mass"]) - 0.00054858, abs=1e-7)


def test_amounts_are_optional_columns_of_the_small_molecules(results: Path, tmp_path: Path) -> None:
    """A compound without a feature is a small molecule of its own."""
    found = ExportedResults.read(results)
    feature = found.features[2]["feature"]
    rows = [
        {"compound": name, "feature": of, "run": run, "amount": amount, "amount_low": 1.0, "amount_high": 9.0,
         "unit": "ng/mL", "flag": flag}
        for name, of in (("caffeine", feature), ("lost", None), ("caffeine d9", feature))
        for run, amount, flag in ((MEASURED[0], 2.5, None), (MEASURED[1], None, "below LOD"))
    ]  # fmt: skip
    write_mztab(replace(found, quantitation=Quantitation({"amounts": rows})), tmp_path / "a.mztab")
    mztab = MzTab(tmp_path / "a.mztab")
    plain, own = mztab.rows["SML"][:-2], mztab.rows["SML"][-2:]
    assert len(plain) == len(mztab.rows["SMF"]) == 12
    assert [row["chemical_name"] for row in own] == ["lost", "caffeine d9"]
    assert [row["SMF_ID_REFS"] for row in own] == ["null", "null"]
    row = plain[2]
    assert (row["opt_global_compound"], row["opt_global_amount_unit"]) == ("caffeine", "ng/mL")
    assert (row["opt_assay[1]_amount"], row["opt_assay[1]_amount_high"]) == ("2.5", "9")
    assert (row["opt_assay[2]_amount"], row["opt_assay[2]_amount_flag"]) == ("null", "below LOD")
    assert row["opt_assay[3]_amount_flag"] == plain[0]["opt_assay[1]_amount"] == "null"
    assert own[0]["opt_assay[1]_amount"] == "2.5" and own[0]["opt_global_feature"] == "null"


def test_without_amounts_there_are_no_such_columns(mztab: MzTab) -> None:
    assert not [name for name in mztab.rows["SML"][0] if "amount" in name]
