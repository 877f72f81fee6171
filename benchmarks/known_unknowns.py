"""How often a compound that no library holds is named by predicted spectra, on real spectra of the library that ships.

Queries are the records of PNNL metabolites from which the models did not learn and that the list holds. Most of their
spectra are of a derivative, which the record does not name. A record counts as

  free         if less than 1 % of its ion current lies above the free molecule's isotopes and its molecular ion has 3 %
               of the base peak: the right answer is the metabolite;
  derivatised  if more than 1 % lies above: the right answer is any of the metabolite's virtual TMS and methoxime
               derivatives.

Candidates are the list, and for derivatised records the list with derivatives as well. No retention index is used.

    python benchmarks/known_unknowns.py [--table TSV] [--library LIB] [--model NAME] [--reranker NAME]
        [--learned LIBRARY:train ...] [--scratch DIR]
"""

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.identify.search import search_libraries
from spectus.identify.settings import SearchSettings
from spectus.library.records import read_spectra
from spectus.molecules.derivatives import derivatives
from spectus.molecules.exclusions import Exclusions
from spectus.molecules.lists import Choice, write_molecules
from spectus.molecules.reading import read_molecules
from spectus.prediction.library import write_predicted_library
from spectus.prediction.substructures import count_substructures
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit
from spectus.tables import LIBRARY_HITS, SPECTRA

ROOT = Path(__file__).parents[1]


def main() -> None:
    options = _options()
    if options.scratch:
        compare(options, options.scratch)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(options, Path(folder))


def compare(options: argparse.Namespace, folder: Path) -> None:
    compounds, derived = folder / "compounds", folder / "derived"
    for name, kinds in ((compounds, ()), (derived, ("meox", "tms"))):
        if not name.with_suffix(".parquet").exists():
            write_molecules(name.with_suffix(".csv"), ["chemicals"], Choice(kinds=kinds, partial=True), options.table)
            write_predicted_library(name.with_suffix(".csv"), options.model, name.with_suffix(".parquet"))
    learned = Exclusions.read(options.learned)
    if not learned:
        print("no --learned: the models may have learned from compounds of the queries")
    with quiet_rdkit():
        listed = {molecule.smiles for molecule in read_molecules(compounds.with_suffix(".csv"))}
        free, derivatised = queries(read_spectra(options.library), learned, listed)
    report("free, among the compounds", free, compounds.with_suffix(".parquet"), options.reranker, folder)
    report("free, among compounds and derivatives", free, derived.with_suffix(".parquet"), options.reranker, folder)
    report("derivatised, among both", derivatised, derived.with_suffix(".parquet"), options.reranker, folder)


def queries(library: pa.Table, learned: Exclusions, listed: set[str | None]) -> tuple[pa.Table, pa.Table]:
    """The free records and the derivatised ones (schema SPECTRA), `smiles` flat, `name` their row."""
    smiles = [flat_smiles(text) for text in library["smiles"].to_pylist()]
    masses = count_substructures(smiles).mass
    rows: dict[bool, list[int]] = {True: [], False: []}
    spectra = zip(library["mz"].to_pylist(), library["intensity"].to_pylist(), strict=True)
    for row, (text, mass, (mz, intensity)) in enumerate(zip(smiles, masses, spectra, strict=True)):
        if text not in listed or not mass or not mz or learned.reason(text) is not None:
            continue
        bins, heights = np.round(mz), np.asarray(intensity) / max(intensity)
        above = heights[bins > mass + 3].sum() / heights.sum()
        if above > 0.01:
            rows[False] += [row] if derivatives(text or "", partial=True) else []
        elif heights[bins == mass].max(initial=0.0) >= 0.03:
            rows[True].append(row)
    named = library.set_column(SPECTRA.get_field_index("smiles"), "smiles", pa.array(smiles))
    numbers = pa.array([str(row) for row in range(len(library))])
    numbered = named.set_column(SPECTRA.get_field_index("name"), "name", numbers)
    return numbered.take(pa.array(rows[True], pa.int64())), numbered.take(pa.array(rows[False], pa.int64()))


def report(title: str, asked: pa.Table, library: Path, reranker: str, folder: Path) -> None:
    """Share of the compounds named first and among ten; replicates of a compound count as their mean."""
    tables.write(asked, folder / "queries.parquet", SPECTRA)
    settings = SearchSettings(top=10, min_score=0.0)
    search_libraries(folder / "queries.parquet", [library], folder / "hits.parquet", settings, reranker)
    ranks: defaultdict[str, int] = defaultdict(lambda: 99)
    ground_truth = dict(zip(asked["name"].to_pylist(), asked["smiles"].to_pylist(), strict=True))
    right = {name: _right(smiles, title.startswith("derivatised")) for name, smiles in ground_truth.items()}
    for hit in tables.read(folder / "hits.parquet", LIBRARY_HITS).to_pylist():
        if hit["inchikey"] and hit["inchikey"][:14] in right[hit["query"]]:
            ranks[hit["query"]] = min(ranks[hit["query"]], hit["rank"])
    compounds = defaultdict(list)
    for name, smiles in ground_truth.items():
        compounds[smiles].append(ranks[name])
    first, ten = (np.mean([np.mean(np.array(found) <= last) for found in compounds.values()]) for last in (1, 10))
    n_listed = len(read_spectra(library))
    print(
        f"{title}: {len(asked)} spectra of {len(compounds)} compounds, {n_listed:,} candidates: "
        f"first {first:.1%}, in ten {ten:.1%}"
    )


def _right(smiles: str, derivatised: bool) -> set[str]:
    made = [made.smiles for made in derivatives(smiles, partial=True)] if derivatised else [smiles]
    return {inchikey14(text) for text in made}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, help="the table of the package chemicals, if it is not installed")
    parser.add_argument("--library", type=Path, default=ROOT / "resources" / "libraries" / "PNNLMetV20191015.msp")
    parser.add_argument("--model", default="rassp", help="prediction model; the one that the reranker was fitted with")
    parser.add_argument("--reranker", default="open", help="open or a folder (default: open)")
    parser.add_argument(
        "--learned", nargs="+", default=[], help="compounds that the models learned from, as `--exclude` takes them"
    )
    parser.add_argument("--scratch", type=Path, help="folder to keep lists and predictions in, for another run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
