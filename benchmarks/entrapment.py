"""Entrapment: does the error that the probabilities state hold where nobody knows the right answers?

    python benchmarks/entrapment.py QUERIES [--split valid] [--number 100] [--seed 1] [--out JSON]

QUERIES are features of real or simulated runs, or spectra of any other kind. They are searched in the predicted list
that ships (`named`). Among the candidates of each query stand structures that nobody lists: isomers of the listed
candidates, one for each, made by moving a substituent. They have the right mass and are as like the spectrum as the
listed ones, but no registry knows them, so they are wrong as good as always. They are scored as if they were on the
list. If t listed candidates and e of these traps are compared, a wrong first answer is a trap in about e / (t + e) of
the cases. The share of traps among the first answers, times (t + e) / e, is therefore an estimate of the error, the
combined estimate of entrapment (Wen et al. 2025, Nat. Methods). It needs no known answers. It is too high where a trap
is more like the right structure than a wrong listed one is, and too low where a search chose the listed ones for their
likeness, as it does here. As in `spectus identify`, the share of listed compounds is estimated from the queries.

Where the queries have structures (a library), the error itself is told beside it: the first answer is not the compound.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rdkit import Chem

from spectus import tables
from spectus.identify.candidates import confidence_of
from spectus.identify.evidence import evidence_of
from spectus.identify.listed_share import ASSUMED_SHARE, Answers, estimated_share
from spectus.identify.merging import Candidate, merge_candidates
from spectus.identify.search import search_libraries
from spectus.identify.settings import SearchSettings
from spectus.library.records import read_spectra
from spectus.library.splits import read_split_table
from spectus.molecules.exclusions import Exclusions
from spectus.prediction.library import shipped_library
from spectus.rerank.reranker import load_reranker
from spectus.rerank.scoring import Spectrum, rank_candidates
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit

LEAST = (0.0, 0.25, 0.5, 0.75, 0.9)
"""Probabilities from which on a first answer is accepted."""

TRIES = 20
"""Moves that are tried for one isomer. Chosen."""


@dataclass(frozen=True)
class First:
    """The first answer of a query.

    Attributes
    ----------
    probability : float
    is_trap : bool
    is_wrong : bool or None
        None: not known.
    n_listed, n_traps : int
        Compared candidates.
    """

    probability: float
    is_trap: bool
    is_wrong: bool | None
    n_listed: int
    n_traps: int


def main() -> None:
    """Compare the stated error with the one that the traps reveal."""
    options = _options()
    random = np.random.default_rng(options.seed)
    queries = read_split_table(options.queries, options.split) if options.split else read_spectra(options.queries)
    confidence = np.array(confidence_of(options.queries, len(queries))) if not options.split else np.ones(len(queries))
    usable = np.flatnonzero([len(mz) >= options.least_peaks for mz in queries["mz"].to_pylist()])
    usable = usable[confidence[usable] >= options.least_confidence]
    rows = np.sort(random.permutation(usable)[: options.number])
    asked = queries.take(pa.array(rows))
    with quiet_rdkit():
        found = firsts(asked, confidence[rows], random)
    scores = [score(found, least) for least in LEAST]
    print(f"{len(found)} queries, {sum(one.n_listed for one in found):,} listed candidates,"
          f" {sum(one.n_traps for one in found):,} traps")  # fmt: skip
    print(f"{'accepted from':>13} {'answers':>8} {'stated error':>13} {'traps':>6} {'revealed error':>15} {'error':>6}")
    for one in scores:
        row = f"{one['least']:13.2f} {one['answers']:8} {one['stated']:13.1%} {one['traps']:6} {one['revealed']:15.1%}"
        print(row, "" if one["error"] is None else f"{one['error']:6.1%}")
    if options.out:
        options.out.write_text(json.dumps(scores, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queries", type=Path, help="features, components or spectra")
    parser.add_argument("--split", help="of a library, only records with this value in the column `split`")
    parser.add_argument("--number", type=int, default=100, help="most queries (default: %(default)s)")
    parser.add_argument("--least-peaks", type=int, default=10, help="peaks of a query (default: %(default)s)")
    parser.add_argument("--least-confidence", type=float, default=0.5, help="of a component (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="JSON")
    return parser.parse_args()


def firsts(asked: pa.Table, confidence: NDArray[np.float64], random: np.random.Generator) -> list[First]:
    """Rank the candidates of queries with a trap for each listed one, and return the first answers."""
    listed = pq.read_table(shipped_library(), columns=["inchikey"])["inchikey"].to_pylist()
    taken = {key[:14] for key in listed if key}
    names = asked["name"].to_pylist()
    hits = hits_of(asked)
    known: dict[str, Any] = {}
    merged = [merge_candidates(hits.get(name, []), [], known) for name in names]
    kept = [row for row, candidates in enumerate(merged) if candidates]
    both = [[*merged[row], *traps(merged[row], taken, random)] for row in kept]
    spectra = [
        Spectrum(asked["mz"][row].as_py(), asked["intensity"][row].as_py(), float(confidence[row])) for row in kept
    ]
    evidence = evidence_of(both, asked.take(pa.array(kept)))
    ranked = rank_candidates(
        load_reranker("open"), spectra, [[one.measured_smiles for one in candidates] for candidates in both],
        [one.evidence for one in evidence],
    )  # fmt: skip
    listed_of = [np.ones(len(candidates), bool) for candidates in both]
    answers = [Answers(one.probability, one.none, every) for one, every in zip(ranked, listed_of, strict=True)]
    share = estimated_share(answers, confidence[kept].tolist(), ASSUMED_SHARE)
    print(f"estimated share of listed compounds: {share:.0%}")
    found = []
    for row, candidates, answer in zip(kept, both, answers, strict=True):
        probability = answer.with_share(share).probability
        best = int(probability.argmax())
        n_listed, truth = len(merged[row]), asked["smiles"][row].as_py()
        wrong = None
        if truth:
            wrong = Exclusions().adding([truth], "truth").reason(candidates[best].measured_smiles) is None
        found.append(First(float(probability[best]), best >= n_listed, wrong, n_listed, len(candidates) - n_listed))
    return found


def hits_of(asked: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Search the list that ships, and return the rows of hits by query, best first."""
    with tempfile.TemporaryDirectory() as folder:
        queries, out = Path(folder) / "queries.parquet", Path(folder) / "hits.parquet"
        tables.write(asked, queries, tables.SPECTRA)
        search_libraries(queries, [shipped_library()], out, SearchSettings())
        rows = tables.read(out, tables.LIBRARY_HITS).to_pylist()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["query"], []).append(row)
    return found


def traps(candidates: Sequence[Candidate], taken: set[str], random: np.random.Generator) -> list[Candidate]:
    """Make an isomer of each candidate that is neither listed nor a candidate."""
    seen = taken | {one.inchikey[:14] for one in candidates if one.inchikey}
    found = []
    for one in candidates:
        made = None if one.measured_smiles is None else isomer(one.measured_smiles, seen, random)
        if made is not None:
            seen = seen | {inchikey14(made)}
            found.append(Candidate(smiles=made, named_by={"predicted"}))
    return found


def isomer(smiles: str, seen: set[str], random: np.random.Generator) -> str | None:
    """Move a substituent to another carbon atom; None where no try gives a structure that is not seen yet."""
    molecule = Chem.MolFromSmiles(smiles)
    single = [
        bond for bond in molecule.GetBonds() if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()
    ]
    places = [atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetSymbol() == "C" and atom.GetTotalNumHs()]
    for _ in range(TRIES if single and places else 0):
        bond = single[int(random.integers(len(single)))]
        ends = [bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]
        kept, moved = ends if random.random() < 0.5 else ends[::-1]
        editable = Chem.RWMol(molecule)
        editable.RemoveBond(kept, moved)
        rest = next(part for part in Chem.GetMolFrags(editable) if kept in part)
        allowed = [place for place in places if place in rest and place != kept]
        if not allowed:
            continue
        place = allowed[int(random.integers(len(allowed)))]
        editable.AddBond(place, moved, Chem.BondType.SINGLE)
        for atom, change in ((kept, 1), (place, -1)):
            if editable.GetAtomWithIdx(atom).GetNoImplicit():
                explicit = editable.GetAtomWithIdx(atom).GetNumExplicitHs() + change
                editable.GetAtomWithIdx(atom).SetNumExplicitHs(max(explicit, 0))
        if Chem.SanitizeMol(editable, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            continue
        flat = flat_smiles(Chem.MolToSmiles(editable))
        if flat is not None and inchikey14(flat) not in seen:
            return flat
    return None


def score(found: Sequence[First], least: float) -> dict[str, Any]:
    """Return stated, revealed and, where known, true error of the first answers of some probability or more."""
    accepted = [one for one in found if one.probability >= least]
    n, n_listed, n_traps = len(accepted), sum(one.n_listed for one in accepted), sum(one.n_traps for one in accepted)
    trapped = sum(one.is_trap for one in accepted)
    known = [one.is_wrong for one in accepted if one.is_wrong is not None]
    return {
        "least": least, "answers": n, "traps": trapped,
        "stated": float(np.mean([1 - one.probability for one in accepted])) if n else 0.0,
        "revealed": trapped / n * (n_listed + n_traps) / n_traps if n and n_traps else 0.0,
        "error": float(np.mean(known)) if known else None,
    }  # fmt: skip


if __name__ == "__main__":
    main()
