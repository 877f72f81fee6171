"""The structures of all candidates as an SD file, with their scores as properties."""

from pathlib import Path
from typing import Any

from rdkit import Chem
from rdkit.Chem.rdDepictor import Compute2DCoords

from spectus.export.results import ExportedResults, candidate_name
from spectus.export.spectra import one_line
from spectus.files import replacing
from spectus.structures import quiet_rdkit

_PROPERTIES = (
    "formula", "inchikey", "source", "level", "probability", "formula_probability", "scaffold_probability",
    "library_score", "predicted_score", "explained", "log_prob", "ri_delta", "ri_predicted", "derivative", "excluded",
    "suspects",
)  # fmt: skip


def write_sdf(results: ExportedResults, path: Path) -> None:
    """Write the candidates that have a structure, by feature and rank, with 2D coordinates."""
    # RDKit's own writer to a file says nothing when the disk is full.
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as handle, quiet_rdkit():
        number = 0
        for feature in results.features:
            for candidate in results.candidates[feature["feature"]]:
                molecule = _with_properties(feature, candidate)
                if molecule is not None:
                    handle.write(Chem.SDWriter.GetText(molecule, molid=number))
                    number += 1


def _with_properties(feature: dict[str, Any], candidate: dict[str, Any]) -> Chem.Mol | None:
    """Return the structure of a candidate with its properties; None if it has no structure."""
    molecule = Chem.MolFromSmiles(candidate["smiles"]) if candidate["smiles"] else None
    if molecule is None:
        return None
    Compute2DCoords(molecule)
    name, cas = candidate_name(candidate)
    found = {"feature": feature["feature"], "rank": candidate["rank"], "name": name, "cas": cas}
    found |= {"rt_s": feature["rt_s"], "ri": feature["ri"], "smiles": candidate["smiles"]}
    found |= {key: candidate.get(key) for key in _PROPERTIES}
    molecule.SetProp("_Name", one_line(f"{feature['feature']}-{candidate['rank']}"))
    for key, value in found.items():
        if value is not None:
            molecule.SetProp(key, one_line(str(value)))
    return molecule
