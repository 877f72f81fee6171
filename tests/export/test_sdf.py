from pathlib import Path

from rdkit import Chem

from spectus.export.write import export_results
from spectus.structures import structure
from tests.report.synthetic import Rows


def test_structures_and_scores_come_back(results: Path, rows: Rows, tmp_path: Path) -> None:
    export_results(results, tmp_path, ["sdf"])
    expected = sorted(
        (row for row in rows.candidates if row.get("smiles")), key=lambda row: (row["query"], row["rank"])
    )
    found = list(Chem.SDMolSupplier(str(tmp_path / "candidates.sdf")))
    assert len(found) == len(expected) > 20
    for molecule, row in zip(found, expected, strict=True):
        assert molecule.GetProp("feature") == row["query"] and int(molecule.GetProp("rank")) == row["rank"]
        of_file, of_row = structure(Chem.MolToSmiles(molecule)), structure(row["smiles"])
        assert of_file and of_row and of_file.inchikey == of_row.inchikey
        assert molecule.GetProp("level") == row["level"]
        for key in ("library_score", "probability", "explained", "log_prob"):
            assert molecule.HasProp(key) == (row.get(key) is not None)
            assert row.get(key) is None or float(molecule.GetProp(key)) == row[key]
        assert molecule.GetNumConformers() == 1 and not molecule.GetConformer().Is3D()
