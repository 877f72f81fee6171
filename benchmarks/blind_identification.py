"""How `spectus identify` does on spectra whose compound is on a list, and on the same spectra when it is on none.

Queries are spectra of a library with structures, such as a split that no model learned from, one of each compound.
They are identified in three situations. "unlisted": `--exclude` leaves their compounds out of every list. "listed":
only compounds count that the lists hold. "measured": the library is searched, too, without the records of a compound
that its query's own laboratory measured; only compounds count that another laboratory measured, without de novo
candidates.

It prints, for each and by source, the shares of compounds that are first and among ten ("none of these" takes no
place), the mean logarithm of the probability of the right answer (that of "none of these" where the right structure is
no candidate), the mean probability of the most probable answer and how often it is right, and the calibration error of
that answer in ten bins. Each situation is a table of its own, of which `spectus identify` estimates the share of listed
compounds; with `--fixed-share`, the share that the priors state holds. With `--keep`, the tables of candidates stay,
from which `scripts/fit_priors.py` fits; it needs `--fixed-share`.

    python benchmarks/blind_identification.py LIBRARY [--split valid] [--n 140] [--seed 1]
        [--not-in TSV ...] [--predicted named derivatized] [--situations unlisted listed measured] [--fixed-share]
        [--keep FOLDER] [--out TSV]
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


SITUATIONS = ("unlisted", "listed", "measured")


def main() -> None:
    options = _options()
    with quiet_rdkit(), tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        records = _records(options.library)
        queries = _queries(records, options)
        found = pd.concat([_identified(queries, records, folder, options, name) for name in options.situations])
    for (situation, source), some in found.assign(every="all").melt(
        [name for name in found.columns if name != "source"], ["source", "every"], value_name="of"
    ).groupby(["situation", "of"]):  # fmt: skip
        weight = np.ones(len(some))
        error = expected_calibration_error(some["top"].to_numpy(), some["top_right"].to_numpy(), weight)
        shares = some[["first", "ten", "candidate", "top", "top_right"]].mean().mul(100).round(1).to_dict()
        print(f"{situation:8s} {source}: {len(some)} {shares} ll {some['log_likelihood'].mean():.2f} error {error:.3f}")
    if options.out:
        found.to_csv(options.out, sep="\t", index=False)


def _records(library: Path) -> pd.DataFrame:
    """Read the records with a structure of one part; `key` is its inchikey14."""
    records = pd.read_parquet(library)
    records = records[records["smiles"].notna() & ~records["smiles"].fillna("").str.contains(".", regex=False)]
    contributor = records["contributor"] if "contributor" in records else records["source"]
    laboratory = np.where(records["source"] == "MassBank", contributor.astype(str), records["source"])
    return records.assign(key=[inchikey14(smiles) for smiles in records["smiles"]], laboratory=laboratory)


def _queries(records: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """One spectrum of each compound, in an order drawn by the seed."""
    if options.split:
        records = records[records["split"] == options.split]
    for path in options.not_in:
        records = records[~records["key"].isin(pd.read_csv(path, sep="\t")["key"])]
    drawn = records.sample(frac=1, random_state=options.seed).drop_duplicates("key").head(options.n)
    return drawn.assign(name=[f"q{number}" for number in range(len(drawn))]).reset_index(drop=True)


def _of_situation(queries: pd.DataFrame, records: pd.DataFrame, predicted: list[str], name: str) -> pd.DataFrame:
    """Return the queries that can be in a situation."""
    if name == "listed":
        tables = [pd.read_parquet(named_library(library), columns=["inchikey"]) for library in predicted]
        return queries[queries["key"].isin(set(pd.concat(tables)["inchikey"].dropna().str[:14]))]
    if name == "measured":
        laboratories = records.groupby("key")["laboratory"].nunique()
        return queries[queries["key"].map(laboratories) > 1]
    return queries


def _identified(
    queries: pd.DataFrame, records: pd.DataFrame, folder: Path, options: argparse.Namespace, name: str
) -> pd.DataFrame:
    """Identify the queries of a situation and return where the right answers are."""
    queries = _of_situation(queries, records, options.predicted, name)
    if queries.empty:
        return pd.DataFrame()
    spectra, out = folder / f"{name}.msp", folder / f"{name}.parquet"
    spectra.write_text("\n".join(_record(row) for row in queries.itertuples()))
    queries[["name", "key", "source", "laboratory"]].to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    arguments = ["identify", str(spectra), "--out", str(out), "--top", str(_ALL), "--predicted", *options.predicted]
    arguments += ["--fixed-share"] if options.fixed_share else []
    if name == "unlisted":
        excluded = folder / "excluded.smi"
        excluded.write_text("\n".join(queries["smiles"]) + "\n")
        arguments += ["--exclude", str(excluded)]
    elif name == "measured":
        own = set(zip(queries["key"], queries["laboratory"], strict=True))
        kept = [pair not in own for pair in zip(records["key"], records["laboratory"], strict=True)]
        library = folder / "library.msp"
        library.write_text("\n".join(_record(row, row.smiles) for row in records[kept].itertuples()))
        arguments += ["--library", str(library), "--no-denovo"]
    if cli.main(arguments) != 0:
        raise SystemExit("spectus identify failed")
    candidates = dict(tuple(pd.read_parquet(out).groupby("query")))
    rows = [_places(row.key, candidates[row.name]) | {"source": row.source} for row in queries.itertuples()]
    return pd.DataFrame(rows).assign(situation=name)


def _record(row: tuple, smiles: str | None = None) -> str:
    peaks = "\n".join(f"{mz:g} {1000 * height:.4f}" for mz, height in zip(row.mz, row.intensity, strict=True))
    structure = f"SMILES: {smiles}\n" if smiles else ""
    return f"Name: {row.name}\nIon_mode: P\n{structure}Num Peaks: {len(row.mz)}\n{peaks}\n"


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
    parser.add_argument("--not-in", nargs="+", type=Path, default=[], help="TSV with a column `key`, as --keep writes")
    parser.add_argument("--situations", nargs="+", choices=SITUATIONS, default=list(SITUATIONS))
    parser.add_argument("--fixed-share", action="store_true", help="do not estimate the share of listed compounds")
    parser.add_argument("--keep", type=Path, help="folder for the tables of candidates")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
