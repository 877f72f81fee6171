"""How often structure editing finds a compound that is on no list.

Queries are spectra of a library with structures, such as a split that no model learned from, one of each compound and
source. The compound of every query is left out of its seeds (the guard of `--exclude`: inchikey14, salts, derivatives,
tautomers). Per compound it prints the shares whose structure is in the pool, first, and among ten, and CPU seconds; the
seeds themselves compete, and in the columns "new" they do not, as in the table that `spectus denovo` writes.

    python benchmarks/structure_editing.py LIBRARY --split valid --predicted LIB [LIB ...] [--n 60] [--seed 1]
        [--effort normal] [--reranker open] [--set rounds=2 scored=200] [--out TSV]
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from spectus.denovo.editing.mass_distribution import load_mass_model
from spectus.denovo.editing.plausibility import log_probabilities
from spectus.denovo.editing.search import EDIT, HIT, EditSearch, Found, Tools
from spectus.denovo.editing.settings import DEFAULT_EFFORT, EFFORTS, EditingSettings
from spectus.denovo.editing.statistics import load_statistics
from spectus.denovo.mass_search import translate_by_mass
from spectus.denovo.settings import DenovoSettings
from spectus.denovo.translator import Translator
from spectus.identify.elucidation import load_scorers
from spectus.identify.seed_search import search_seeds
from spectus.learning.measured_spectra import dense
from spectus.molecules.exclusions import Exclusions
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit

_HEAVIEST = 590
"""Nominal mass of a query's compound, u: predicted spectra end at 640."""


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    rows = []
    with quiet_rdkit():
        queries = _queries(options)
        for row in _results(queries, options):
            rows.append(row)
            if len(rows) % 10 == 0:
                _print(pd.DataFrame(rows))
    found = pd.DataFrame(rows)
    _print(found)
    for name, of_source in found.groupby("source"):
        print(f"-- {name}")
        _print(of_source)
    if options.out:
        found.to_csv(options.out, sep="\t", index=False)


def _queries(options: argparse.Namespace) -> pd.DataFrame:
    """One spectrum of each compound and source, in an order drawn by the seed."""
    records = pd.read_parquet(options.library)
    if options.split:
        records = records[records["split"] == options.split]
    if options.source:
        records = records[records["source"].str.contains(options.source)]
    records = records.assign(flat=[flat_smiles(smiles) for smiles in records["smiles"]])
    records = records[records["flat"].notna() & ~records["flat"].fillna("").str.contains(".", regex=False)]
    heaviest = [max(mz) for mz in records["mz"]]
    records = records[np.array(heaviest) < _HEAVIEST]
    records = records.assign(key=[inchikey14(smiles) for smiles in records["flat"]])
    drawn = records.sample(frac=1, random_state=options.seed).drop_duplicates(["key", "source"])
    return drawn.head(options.n).reset_index(drop=True)


def _seeds(queries: pd.DataFrame, options: argparse.Namespace) -> list[list[str]]:
    """Find molecules that may be edited, without the compound of the query."""
    lists = pa.list_(pa.float64())
    asked = pa.table({name: pa.array(queries[name].tolist(), lists) for name in ("mz", "intensity")})
    found = search_seeds(asked, options.predicted, Exclusions())
    guards = [Exclusions().adding([flat], "the query") for flat in queries["flat"]]
    return [
        [text for text in listed if guard.reason(text) is None] for listed, guard in zip(found, guards, strict=True)
    ]


def _results(queries: pd.DataFrame, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    settings = replace(EditingSettings.of_effort(options.effort), **dict(map(_setting, options.set)))
    started = time.process_time()
    seeds = _seeds(queries, options)
    print(f"{time.process_time() - started:.1f} CPU s for seeds, most of it for leaving the queries out", flush=True)
    translator = Translator.load(options.model, "cpu")
    scorers = load_scorers(None if options.reranker == "none" else options.reranker)
    tools = Tools(scorers, load_statistics(), load_mass_model())
    rows = [
        {"mz": list(row.mz), "intensity": list(np.asarray(row.intensity) / max(row.intensity)), "reason": None}
        for row in queries.itertuples()
    ]
    answers = translate_by_mass(translator, rows, DenovoSettings())
    for query, row, answer, hits in zip(queries.itertuples(), rows, answers, seeds, strict=True):
        started = time.process_time()
        search = EditSearch(dense([row["mz"]], [row["intensity"]], 1000)[0], tools, settings)
        ranked = search.run(
            hits, answer.structures,
            lambda smiles, row=row: log_probabilities(translator.model, translator.tokenizer, row, smiles),
        )  # fmt: skip
        cpu_s = time.process_time() - started
        yield {"source": query.source, "smiles": query.flat, "pool": len(ranked), "cpu_s": cpu_s} | _places(
            query.key, ranked, search
        )


def _places(key: str, ranked: list[Found], search: EditSearch) -> dict[str, Any]:
    keys = [inchikey14(found.smiles) for found in ranked]
    place = keys.index(key) if key in keys else None
    new = None if place is None else sum(found.sources != {HIT} for found in ranked[:place])
    edited = place is not None and EDIT in ranked[place].sources
    return {
        "n_masses": len(search.considered), "in_pool": place is not None, "edited": edited, "first": place == 0,
        "in_ten": place is not None and place < 10, "first_new": new == 0, "in_ten_new": new is not None and new < 10,
    }  # fmt: skip


def _print(found: pd.DataFrame) -> None:
    print(len(found), found.drop(columns=["source", "smiles"]).mean().round(3).to_dict(), flush=True)


def _setting(text: str) -> tuple[str, float | int]:
    name, _, value = text.partition("=")
    return name, float(value) if "." in value else int(value)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--split", help="value of the column `split`")
    parser.add_argument("--source", help="only records whose source matches")
    parser.add_argument("--predicted", nargs="+", type=Path, required=True, help="libraries of RASSP's spectra")
    parser.add_argument("--n", type=int, default=60, help="compounds (default: 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="spectus-open")
    parser.add_argument("--effort", choices=list(EFFORTS), default=DEFAULT_EFFORT)
    parser.add_argument("--reranker", default="open")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of EditingSettings")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
