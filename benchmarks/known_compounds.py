"""Compounds that are known to be in real runs: their rank and probability, from the raw runs on.

    python benchmarks/known_compounds.py RUNS [--library LIB ...] [--blind] [--work FOLDER] [--out JSON]

RUNS holds a folder for each campaign of the table (`known_compounds.tsv` beside this script; --table takes another).
The table tells for each compound where it elutes, which ions it shows, and why it is believed to be there. Names with
"or" are isomers that no spectrum tells apart: each of them is right. A derivative is right as its parent, too.

The runs go through `spectus deconvolve`, `calibrate` (where the campaign has a ladder) and `align`, and the features of
the expected compounds through `spectus identify`, all with default settings. With --blind, the compounds are left out
of the libraries of measured spectra, as of a laboratory that never measured them; they stay on the molecule list. With
--work, the features are kept, and read again by a later call.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spectus.campaign_folder import find_runs, new_run
from spectus.molecules.exclusions import Exclusions
from spectus.nominal_mass import to_nominal_mass

TABLE = Path(__file__).with_suffix(".tsv")
LIBRARY = Path(__file__).parents[1] / "resources" / "libraries" / "PNNLMetV20191015.msp"
WINDOW_S = 4.0
"""Largest difference of retention times, s. Chosen: about a peak width."""

LEAST = 0.02
"""Lowest intensity of an expected ion, of the base peak. Chosen."""


@dataclass(frozen=True)
class Known:
    """A compound that is known to be in a campaign.

    Attributes
    ----------
    campaign, compound, kind, reason : str
    structures : tuple of str
        SMILES; each is right.
    rt_s : float
    ions : tuple of int
        Nominal masses that its spectrum has.
    """

    campaign: str
    compound: str
    structures: tuple[str, ...]
    rt_s: float
    ions: tuple[int, ...]
    kind: str
    reason: str

    @property
    def named(self) -> Exclusions:
        """Recognizes the compound, its salts and its derivatives."""
        return Exclusions().adding(self.structures, self.compound)


@dataclass(frozen=True)
class Outcome:
    """What became of a known compound.

    Attributes
    ----------
    campaign, compound, kind : str
    feature : str or None
        None: no feature is at its place.
    rank : int or None
        Of its first right candidate; None: it is no candidate.
    probability : float or None
        Of that candidate.
    level, source : str or None
        Of that candidate.
    first : str or None
        Name or SMILES of the first candidate, where that is another one.
    first_probability, none : float or None
        Of the first candidate, and of "none of these".
    """

    campaign: str
    compound: str
    kind: str
    feature: str | None = None
    rank: int | None = None
    probability: float | None = None
    level: str | None = None
    source: str | None = None
    first: str | None = None
    first_probability: float | None = None
    none: float | None = None


def main() -> None:
    """Find and identify the known compounds."""
    options = _options()
    known = read_known(options.table)
    if options.campaigns:
        known = [one for one in known if one.campaign in options.campaigns]
    outcomes: list[Outcome] = []
    started = time.process_time()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.work or Path(temporary)
        for campaign in dict.fromkeys(one.campaign for one in known):
            expected = [one for one in known if one.campaign == campaign]
            features = features_of(options.runs / campaign, folder / campaign)
            outcomes += identified(expected, features, folder / campaign, options)
            for outcome in outcomes[-len(expected) :]:
                print(line(outcome), flush=True)
    print(summary(outcomes))
    print(f"{time.process_time() - started:.0f} CPU s besides those of the commands")
    if options.out:
        options.out.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder with a folder of raw runs for each campaign")
    parser.add_argument(
        "--table", type=Path, default=TABLE, help="known compounds (default: the one beside this script)"
    )
    parser.add_argument("--campaigns", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--library", nargs="*", type=Path, default=[LIBRARY], help="measured spectra (default: PNNL's)")
    parser.add_argument("--blind", action="store_true", help="leave the compounds out of the measured spectra")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep the features there")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="further options of spectus identify")
    parser.add_argument("--out", type=Path, metavar="JSON")
    return parser.parse_args()


def read_known(table: Path) -> list[Known]:
    """Read the table of known compounds."""
    with table.open(encoding="utf-8", newline="") as lines:
        return [
            Known(
                row["campaign"], row["compound"], tuple(row["smiles"].split()), float(row["rt_s"]),
                tuple(map(int, row["ions"].split())), row["kind"], row["reason"],
            )
            for row in csv.DictReader(lines, delimiter="\t")
        ]  # fmt: skip


def features_of(runs: Path, folder: Path) -> Path:
    """Return the features of a campaign, and make them unless they exist."""
    features = folder / "features.parquet"
    if features.exists():
        return features
    folder.mkdir(parents=True, exist_ok=True)
    found = find_runs([runs])
    ladders = [run for run in found if new_run(run).type == "ladder"]
    components = folder / "components.parquet"
    spectus("deconvolve", *found, "--out", components)
    if ladders and len(found) > len(ladders):
        spectus("deconvolve", *ladders, "--out", folder / "ladder.parquet")
        spectus(
            "calibrate", components, "--ladder", folder / "ladder.parquet", "--out", folder / "calibrated.parquet",
            "--ri-standards", folder / "ri_standards.parquet",
        )  # fmt: skip
        components = folder / "calibrated.parquet"
    spectus("align", components, "--out", features, "--peak-areas", folder / "peak_areas.parquet")
    return features


def spectus(*arguments: object) -> None:
    """Run one command of the project."""
    subprocess.run([sys.executable, "-m", "spectus", *map(str, arguments), "--quiet"], check=True)


def identified(known: Sequence[Known], features: Path, folder: Path, options: argparse.Namespace) -> list[Outcome]:
    """Identify the features of known compounds."""
    table = pq.read_table(features)
    rows = [place(one, table) for one in known]
    found = sorted({row for row in rows if row is not None})
    if not found:
        return [Outcome(one.campaign, one.compound, one.kind) for one in known]
    asked, candidates = folder / "asked.parquet", folder / f"candidates{'_blind' if options.blind else ''}.parquet"
    pq.write_table(table.take(pa.array(found)), asked)
    more: list[object] = ["--library", *options.library] if options.library else []
    if options.blind:
        excluded = folder / "excluded.smi"
        excluded.write_text("".join(f"{text}\n" for one in known for text in one.structures))
        more += ["--exclude", excluded]
    spectus("identify", asked, *more, *options.options, "--out", candidates)
    answers = dict(list(pd.read_parquet(candidates).groupby("query")))
    names = table["feature"].to_pylist()
    return [outcome_of(one, None if row is None else names[row], answers) for one, row in zip(known, rows, strict=True)]


def place(known: Known, features: pa.Table) -> int | None:
    """Return the row of the feature at the place of a compound: the strongest there that shows all its ions."""
    near = np.flatnonzero(np.abs(features["rt_s"].to_numpy() - known.rt_s) <= WINDOW_S)
    snr = features["snr"].to_numpy()
    for row in near[np.argsort(-snr[near], kind="stable")].tolist():
        intensity = np.array(features["intensity"][row].as_py())
        mass = to_nominal_mass(np.array(features["mz"][row].as_py()))
        if set(known.ions) <= set(mass[intensity >= LEAST * intensity.max()].tolist()):
            return int(row)
    return None


def outcome_of(known: Known, feature: str | None, answers: dict[str, pd.DataFrame]) -> Outcome:
    """Look a compound up among the candidates of its feature."""
    if feature is None:
        return Outcome(known.campaign, known.compound, known.kind)
    candidates = answers[feature].sort_values("rank")
    last = candidates[candidates["source"] == "none"]
    none = float(last["probability"].iloc[0]) if len(last) else None
    candidates = candidates[candidates["smiles"].notna()]
    named = known.named
    right = [named.reason(text) is not None for text in candidates["smiles"]]
    first = candidates.iloc[0] if len(candidates) else None
    said = {
        "none": none,
        "first": None if first is None or right[0] else (first["name"] or first["smiles"]),
        "first_probability": None if first is None else float(first["probability"]),
    }
    if not any(right):
        return Outcome(known.campaign, known.compound, known.kind, feature, **said)
    best = candidates.iloc[right.index(True)]
    return Outcome(
        known.campaign, known.compound, known.kind, feature, int(best["rank"]), float(best["probability"]),
        best["level"], best["source"], **said,
    )  # fmt: skip


def line(one: Outcome) -> str:
    """Return a row of the table."""
    if one.feature is None:
        return f"{one.campaign:10} {one.compound[:38]:38} no feature"
    where = "  -" if one.rank is None else f"{one.rank:3}"
    said = "     " if one.probability is None else f"{one.probability:5.2f}"
    what = f"{one.campaign:10} {one.compound[:38]:38} {one.feature} {where} {said} {one.level or '-':2}"
    first = f"first: {one.first} ({one.first_probability:.2f})" if one.first else ""
    return f"{what} {one.source or '':18} none {one.none or 0:.2f} {first}"


def summary(outcomes: Iterable[Outcome]) -> str:
    """Count the outcomes by kind."""
    table = pd.DataFrame([asdict(outcome) for outcome in outcomes])
    lines = [
        f"{'kind':12} {'compounds':>9} {'found':>6} {'first':>6} {'in 3':>6} {'in 10':>6} {'mean probability':>17}"
    ]
    for kind, of_kind in [*table.groupby("kind", sort=False), ("all", table)]:
        rank = of_kind["rank"]
        counts = [of_kind["feature"].notna().sum(), *((rank <= k).sum() for k in (1, 3, 10))]
        mean = of_kind["probability"].fillna(0.0).mean()
        lines.append(f"{kind:12} {len(of_kind):9} " + " ".join(f"{count:6}" for count in counts) + f" {mean:17.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
