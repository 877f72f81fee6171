"""The results as mzTab-M 2.0 (Hoffmann et al. 2019, Anal. Chem. 91, 3302; specification of HUPO-PSI).

A feature is one small molecule (SML) and one small molecule feature (SMF); each of its candidates is one piece of
evidence (SME). Electron ionization has no precursor ion, so the experimental m/z is that of the base peak, and the
theoretical m/z of a candidate is that of its molecular ion. The abundances are peak areas. Amounts from calibration
curves are in optional columns of the small molecules; a compound without a feature is a small molecule of its own.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt

from spectus import __version__
from spectus.export.results import MASS_SPECTRUM_ONLY, ExportedResults, base_peak, candidate_name
from spectus.export.spectra import one_line
from spectus.files import replacing
from spectus.structures import quiet_rdkit

_ELECTRON_DA = 0.000548579909
"""Mass of an electron, Da (CODATA 2018)."""

_MEASURES = (
    ("probability", "calibrated probability"),
    ("formula_probability", "calibrated probability of the molecular formula"),
    ("library_score", "library score (weighted cosine with retention index penalty)"),
    ("predicted_score", "predicted library score (weighted cosine with retention index penalty)"),
    ("log_prob", "natural logarithm of the de novo model probability"),
)
"""Columns of candidates that are id_confidence_measure[1-n], the most telling first."""

_METHODS = (
    ("library", "spectus search in measured spectra"),
    ("predicted", "spectus search in predicted spectra"),
    ("", "spectus de novo elucidation"),
)
"""Identification method by source of a candidate; the first that applies counts."""

_SML_COLUMNS = (
    "SML_ID", "SMF_ID_REFS", "database_identifier", "chemical_formula", "smiles", "inchi", "chemical_name", "uri",
    "theoretical_neutral_mass", "adduct_ions", "reliability", "best_id_confidence_measure", "best_id_confidence_value",
)  # fmt: skip
_SMF_COLUMNS = (
    "SMF_ID", "SME_ID_REFS", "SME_ID_REF_ambiguity_code", "adduct_ion", "isotopomer", "exp_mass_to_charge", "charge",
    "retention_time_in_seconds", "retention_time_in_seconds_start", "retention_time_in_seconds_end",
)  # fmt: skip
_SME_COLUMNS = (
    "SME_ID", "evidence_input_id", "database_identifier", "chemical_formula", "smiles", "inchi", "chemical_name", "uri",
    "derivatized_form", "adduct_ion", "exp_mass_to_charge", "charge", "theoretical_mass_to_charge", "spectra_ref",
    "identification_method", "ms_level",
)  # fmt: skip


_AMOUNT_COLUMNS = ("amount", "amount_low", "amount_high", "flag")
"""Columns of the table of amounts that each assay has as optional columns."""


def write_mztab(results: ExportedResults, path: Path) -> None:
    """Write the results as mzTab-M 2.0."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as handle:
        for row in _rows(results, path.stem):
            handle.write("\t".join(row) + "\n")


def _rows(results: ExportedResults, name: str) -> Iterator[list[str]]:
    groups = _run_groups(results.runs)
    yield from (["MTD", key, value] for key, value in _metadata(results, groups, name))
    yield from _comments()
    amounts = _Amounts.of(results)
    if amounts.compounds:
        yield ["COM", "opt_assay[n]_amount is from a calibration curve, in the unit of opt_global_amount_unit."]
    assays = [f"abundance_assay[{number}]" for number in range(1, len(results.runs) + 1)]
    variables = range(1, len(groups) + 1)
    yield []
    yield [
        "SMH", *_SML_COLUMNS, *assays, *(f"abundance_study_variable[{number}]" for number in variables),
        *(f"abundance_variation_study_variable[{number}]" for number in variables),
        "opt_global_feature", "opt_global_inchikey", "opt_global_cas", *amounts.columns(len(results.runs)),
    ]  # fmt: skip
    with quiet_rdkit():
        for number, feature in enumerate(results.features, 1):
            yield ["SML", *_sml_row(results, feature, number, groups), *amounts.cells(feature["feature"])]
        for number, compound in enumerate(amounts.alone, len(results.features) + 1):
            nulls = ["null"] * (len(results.runs) + 2 * len(groups) + 3)
            yield ["SML", *_sml_row_of_compound(compound, number), *nulls, *amounts.cells_of(compound)]
        yield []
        yield ["SFH", *_SMF_COLUMNS, *assays, "opt_global_retention_index"]
        evidence = 0
        for number, feature in enumerate(results.features, 1):
            ids = [evidence + place for place in range(1, len(results.candidates[feature["feature"]]) + 1)]
            evidence += len(ids)
            yield ["SMF", *_smf_row(results, feature, number, ids)]
        if not evidence:
            return
        yield []
        measures = [f"id_confidence_measure[{number}]" for number in range(1, len(_MEASURES) + 1)]
        yield ["SEH", *_SME_COLUMNS, *measures, "rank", "opt_global_inchikey", "opt_global_cas"]
        evidence = 0
        for feature in results.features:
            for candidate in results.candidates[feature["feature"]]:
                evidence += 1
                yield ["SME", str(evidence), *_sme_row(results, feature, candidate)]


@dataclass(frozen=True)
class _Amounts:
    """Amounts by compound.

    Attributes
    ----------
    runs
        Names of the runs.
    compounds
        Rows of the table of amounts by compound and run.
    compound_of
        The compound that each feature is.
    alone
        Compounds that have no feature, or whose feature is another compound already.
    """

    runs: Sequence[str]
    compounds: Mapping[str, Mapping[str, Mapping[str, Any]]]
    compound_of: Mapping[str, str]
    alone: Sequence[str]

    @classmethod
    def of(cls, results: ExportedResults) -> "_Amounts":
        """Collect the amounts of a campaign."""
        compounds: defaultdict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
        compound_of: dict[str, str] = {}
        known = {feature["feature"] for feature in results.features}
        for row in results.quantitation.rows.get("amounts", ()):
            compounds[row["compound"]][row["run"]] = row
            if row["feature"] in known:
                compound_of.setdefault(row["feature"], row["compound"])
        placed = set(compound_of.values())
        return cls(
            [run["run"] for run in results.runs], compounds, compound_of,
            [compound for compound in compounds if compound not in placed],
        )  # fmt: skip

    def columns(self, n_assays: int) -> list[str]:
        """Return the names of the optional columns; none without amounts."""
        if not self.compounds:
            return []
        of_assays = [f"opt_assay[{n}]_{_optional(name)}" for n in range(1, n_assays + 1) for name in _AMOUNT_COLUMNS]
        return ["opt_global_compound", "opt_global_amount_unit", *of_assays]

    def cells(self, feature: str) -> list[str]:
        """Return the optional cells of a feature."""
        compound = self.compound_of.get(feature)
        if compound is not None:
            return self.cells_of(compound)
        return ["null"] * len(self.columns(len(self.runs)))

    def cells_of(self, compound: str) -> list[str]:
        """Return the optional cells of a compound."""
        rows = self.compounds[compound]
        unit = next((row["unit"] for row in rows.values() if row["unit"]), None)
        cells = [_text(compound), _text(unit)]
        for run in self.runs:
            row = rows.get(run, {})
            cells += [_number(row.get(name)) for name in _AMOUNT_COLUMNS[:-1]] + [_text(row.get("flag"))]
        return cells


def _optional(column: str) -> str:
    return column if column.startswith("amount") else f"amount_{column}"


def _sml_row_of_compound(compound: str, number: int) -> list[str]:
    """Return the first cells of a small molecule that was quantified by its time and ions and is no feature."""
    known = {"SML_ID": str(number), "chemical_name": _list_text(compound)}
    return [known.get(column, "null") for column in _SML_COLUMNS]


def _comments() -> Iterator[list[str]]:
    yield ["COM", "Electron ionization: exp_mass_to_charge is the base peak of the deconvoluted spectrum."]
    yield [
        "COM",
        "theoretical_mass_to_charge is the molecular ion of the candidate, or the base peak without a structure.",
    ]


def _run_groups(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Return the places of the runs by type of the sample sheet: these are the study variables."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        groups[run.get("type") or "sample"].append(place)
    return dict(groups)


def _metadata(results: ExportedResults, groups: Mapping[str, list[int]], name: str) -> Iterator[tuple[str, str]]:
    yield "mzTab-version", "2.0.0-M"
    yield "mzTab-ID", one_line(name)
    yield "description", "GC-EI-MS screening campaign: features, peak areas and candidate structures"
    yield "software[1]", _parameter("spectus", __version__)
    yield "quantification_method", "[MS, MS:1002019, label-free raw feature quantitation, ]"
    for number, run in enumerate(results.runs, 1):
        converted = run.get("mzml")
        yield f"ms_run[{number}]-location", Path(converted or run["path"]).absolute().as_uri()
        if converted:
            yield f"ms_run[{number}]-format", "[MS, MS:1000584, mzML format, ]"
            yield f"ms_run[{number}]-id_format", "[MS, MS:1000776, scan number only nativeID format, ]"
        yield f"ms_run[{number}]-scan_polarity[1]", "[MS, MS:1000130, positive scan, ]"
    for number, run in enumerate(results.runs, 1):
        yield f"assay[{number}]", one_line(run["run"])
        yield f"assay[{number}]-ms_run_ref", f"ms_run[{number}]"
    for number, (kind, places) in enumerate(groups.items(), 1):
        yield f"study_variable[{number}]", kind
        yield f"study_variable[{number}]-assay_refs", "|".join(f"assay[{place + 1}]" for place in places)
        yield f"study_variable[{number}]-description", f"runs of type {kind}"
    yield "cv[1]-label", "MS"
    yield "cv[1]-full_name", "PSI-MS controlled vocabulary"
    yield "cv[1]-version", "4.1.0"
    yield "cv[1]-uri", "https://purl.obolibrary.org/obo/ms.obo"
    yield "database[1]", "[, , no database, null ]"
    yield "database[1]-prefix", "null"
    yield "database[1]-version", "Unknown"
    yield "database[1]-uri", "null"
    yield "small_molecule-quantification_unit", _parameter("peak area, counts s")
    yield "small_molecule_feature-quantification_unit", _parameter("peak area, counts s")
    yield (
        "small_molecule-identification_reliability",
        "[MS, MS:1002955, hr-ms compound identification confidence level, ]",
    )
    for number, (_, words) in enumerate(_MEASURES, 1):
        yield f"id_confidence_measure[{number}]", _parameter(words)


def _sml_row(
    results: ExportedResults, feature: Mapping[str, Any], number: int, groups: Mapping[str, list[int]]
) -> list[str]:
    best = results.best(feature)
    areas = results.areas[number - 1]
    measure, value = next(
        ((_parameter(words), best[key]) for key, words in _MEASURES if best.get(key) is not None), ("null", None)
    )
    name, cas = candidate_name(best)
    means = [_mean(areas[places]) for places in groups.values()]
    variations = [_variation(areas[places]) for places in groups.values()]
    return [
        str(number), str(number), "null", *_compound(best), _list_text(name), "null", _number(_exact_mass(best)),
        "null",
        _text(best.get("level") or MASS_SPECTRUM_ONLY), measure, _number(value), *map(_number, areas.tolist()),
        *map(_number, means), *map(_number, variations),
        _text(feature["feature"]), _text(best.get("inchikey")), _text(cas),
    ]  # fmt: skip


def _smf_row(results: ExportedResults, feature: Mapping[str, Any], number: int, evidence: Sequence[int]) -> list[str]:
    return [
        str(number), "|".join(map(str, evidence)) or "null", "1" if len(evidence) > 1 else "null", "null", "null",
        _number(base_peak(feature) or 0.0), "1", _number(feature["rt_s"]), "null", "null",
        *map(_number, results.areas[number - 1].tolist()), _number(feature["ri"]),
    ]  # fmt: skip


def _sme_row(results: ExportedResults, feature: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[str]:
    place = next((place for place, run in enumerate(results.runs, 1) if run["run"] == feature["best_run"]), 1)
    observed = base_peak(feature) or 0.0
    mass = _exact_mass(candidate)
    name, cas = candidate_name(candidate)
    sources = (candidate["source"] or "").split("+")
    method = next(words for source, words in _METHODS if source in sources or not source)
    return [
        _text(feature["feature"]), "null", *_compound(candidate), _text(name), "null", "null", "null",
        _number(observed), "1", _number(observed if mass is None else mass - _ELECTRON_DA), f"ms_run[{place}]",
        _parameter(method, __version__), "[MS, MS:1000511, ms level, 1]",
        *(_number(candidate.get(key)) for key, _ in _MEASURES), str(candidate["rank"]),
        _text(candidate.get("inchikey")), _text(cas),
    ]  # fmt: skip


def _compound(candidate: Mapping[str, Any]) -> list[str]:
    """Return formula, SMILES and InChI of a candidate."""
    molecule = Chem.MolFromSmiles(candidate["smiles"]) if candidate.get("smiles") else None
    chem: Any = Chem  # RDKit has no types for this function
    inchi = chem.MolToInchi(molecule) if molecule is not None else None
    return [_text(candidate.get("formula")), _text(candidate.get("smiles")), _text(inchi or None)]


def _exact_mass(candidate: Mapping[str, Any]) -> float | None:
    """Return the monoisotopic mass of the neutral molecule, Da; None without a structure."""
    molecule = Chem.MolFromSmiles(candidate["smiles"]) if candidate.get("smiles") else None
    return None if molecule is None else float(CalcExactMolWt(molecule))


def _mean(areas: NDArray[np.float64]) -> float | None:
    known = areas[~np.isnan(areas)]
    return float(known.mean()) if len(known) else None


def _variation(areas: NDArray[np.float64]) -> float | None:
    """Return the coefficient of variation (sample standard deviation over mean) of at least two areas."""
    known = areas[~np.isnan(areas)]
    if len(known) < 2 or not known.mean() > 0:
        return None
    return float(known.std(ddof=1) / known.mean())


def _parameter(name: str, value: str = "") -> str:
    """Return a parameter without an entry in a controlled vocabulary; a name with a comma is quoted."""
    return f"[, , {chr(34) + name + chr(34) if ',' in name else name}, {value}]"


def _number(value: float | None) -> str:
    return "null" if value is None or not np.isfinite(value) else f"{value:.10g}"


def _text(value: str | None) -> str:
    return (one_line(value) if value else "") or "null"


def _list_text(value: str | None) -> str:
    """Return a text for a column that is a list separated by "|", which the text itself must not contain."""
    return re.sub(r"\s*\|\s*", "/", _text(value))
