"""How `spectus identify` does on spectra whose compound is on a list, and on the same spectra when it is on none.

Queries are spectra of a library with structures, such as a split that no model learned from, one of each compound.
They are identified twice: with `--exclude`, which leaves their compounds out of every list, and without. The second
time only compounds count that the lists hold. It prints, for both and by source, the shares of compounds that are
first and among ten ("none of these" takes no place), the mean logarithm of the probability of the right answer (that
of "none of these" where the right structure is no candidate), and the calibration error of the most probable answer
in ten bins.

    python benchmarks/blind_identification.py LIBRARY [--split valid] [--n 140] [--seed 1]
        [--predicted named derivatized] [--out TSV]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from spectus import cli
from spectus.evaluation.identification import expected_calibration_error
from spectus.identify.candidates import NONE_OF_THESE
from spectus.prediction.library import named_library
from spectus.prediction.settings import SHIPPED_LIBRARIES
from spectus.structures import inchikey14, quiet_rdkit

_LEAST = 1e-6
"""Probability that a right answer has at least, so that one answer does not decide the mean."""

_ALL = 10_000
"""Candidates to keep for each query: all."""


def main() -> None:
    options = _options()
    with quiet_rdkit(), tempfile.TemporaryDirectory() as folder:
        queries = _queries(options)
        listed = set[str]()
        for library in options.predicted:
            keys = pd.read_parquet(named_library(library), columns=["inchikey"])["inchikey"].dropna()
            listed |= set(keys.str[:14])
        rows = [_identified(queries, Path(folder), options.predicted, exclude=True)]
        on_list = queries[queries["key"].isin(listed)]
        if len(on_list):
            rows.append(_identified(on_list, Path(folder), options.predicted, exclude=False))
    found = pd.concat(rows)
    for (situation, source), some in found.assign(every="all").melt(
        [name for name in found.columns if name != "source"], ["source", "every"], value_name="of"
    ).groupby(["situation", "of"]):  # fmt: skip
        weight = np.ones(len(some))
        error = expected_calibration_error(some["top"].to_numpy(), some["top_right"].to_numpy(), weight)
        shares = some[["first", "ten", "candidate"]].mean().mul(100).round(1).to_dict()
        print(f"{situation:8s} {source}: {len(some)} {shares} ll {some['log_likelihood'].mean():.2f} error {error:.3f}")
    if options.out:
        found.to_csv(options.out, sep="\t", index=False)


def _queries(options: argparse.Namespace) -> pd.DataFrame:
    """One spectrum of each compound, in an order drawn by the seed."""
    records = pd.read_parquet(options.library)
    if options.split:
        records = records[records["split"] == options.split]
    records = records[records["smiles"].notna() & ~records["smiles"].fillna("").str.contains(".", regex=False)]
    records = records.assign(key=[inchikey14(smiles) for smiles in records["smiles"]])
    drawn = records.sample(frac=1, random_state=options.seed).drop_duplicates("key").head(options.n)
    return drawn.assign(name=[f"q{number}" for number in range(len(drawn))]).reset_index(drop=True)


def _identified(queries: pd.DataFrame, folder: Path, predicted: list[str], exclude: bool) -> pd.DataFrame:
    """Identify queries and return where the right answer is."""
    spectra, excluded, out = folder / "queries.msp", folder / "excluded.smi", folder / "candidates.parquet"
    spectra.write_text("\n".join(_record(row) for row in queries.itertuples()))
    excluded.write_text("\n".join(queries["smiles"]) + "\n")
    arguments = ["identify", str(spectra), "--out", str(out), "--top", str(_ALL), "--predicted", *predicted]
    if cli.main([*arguments, *(["--exclude", str(excluded)] if exclude else [])]) != 0:
        raise SystemExit("spectus identify failed")
    candidates = dict(tuple(pd.read_parquet(out).groupby("query")))
    rows = [_places(row.key, candidates[row.name]) | {"source": row.source} for row in queries.itertuples()]
    return pd.DataFrame(rows).assign(situation="unlisted" if exclude else "listed")


def _record(row: tuple) -> str:
    peaks = "\n".join(f"{mz:g} {1000 * height:.4f}" for mz, height in zip(row.mz, row.intensity, strict=True))
    return f"Name: {row.name}\nNum Peaks: {len(row.mz)}\n{peaks}\n"


def _places(key: str, answers: pd.DataFrame) -> dict[str, float]:
    """Return where the right structure is among the answers for one query, and how probable they are."""
    is_none = (answers["name"] == NONE_OF_THESE).to_numpy()
    probability = answers["probability"].fillna(0.0).to_numpy()
    right = (answers["inchikey"].str[:14] == key).to_numpy()
    rank = int(np.flatnonzero(right[~is_none])[0]) if right.any() else _ALL
    answer = right if right.any() else is_none
    top = int(probability.argmax())
    return {
        "candidate": float(right.any()), "first": float(rank == 0), "ten": float(rank < 10),
        "log_likelihood": float(np.log(max(probability[answer].sum(), _LEAST))),
        "top": float(probability[top]), "top_right": bool(answer[top]),
    }  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--split", help="value of the column `split`")
    parser.add_argument("--n", type=int, default=140, help="compounds (default: 140)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--predicted", nargs="+", default=list(SHIPPED_LIBRARIES), help="lists (default: all that ship)"
    )
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
