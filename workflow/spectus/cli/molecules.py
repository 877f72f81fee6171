"""`spectus molecules`: a list of molecules to predict or to train with."""

import argparse
from pathlib import Path

from spectus.cli.arguments import EXCLUDE_HELP, words

EXAMPLE = "spectus molecules --derivatives meox,tms --out molecules.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--out", required=True, type=Path, metavar="CSV", help="list to write: smiles, name, cas")
    parser.add_argument(
        "--sources", type=words, default=["chemicals"], metavar="A,B",
        help="chemicals (with names and CAS numbers) or molsets (1.94 million, drug-like) (default: chemicals)",
    )  # fmt: skip
    parser.add_argument("--table", type=Path, metavar="TSV", help="table of the package chemicals, if not installed")
    parser.add_argument("--max-mass", type=int, default=500, help="nominal mass from which on to leave out, Da (500)")
    parser.add_argument(
        "--derivatives", type=words, default=[], metavar="A,B",
        help="meox, tms: add methoximes and trimethylsilyl derivatives",
    )  # fmt: skip
    parser.add_argument(
        "--partial", action="store_true", help="add derivatives with amines, amides and ring NH left free too"
    )
    parser.add_argument("--exclude", action="extend", nargs="+", default=[], metavar="FILE[:SPLIT]", help=EXCLUDE_HELP)
    parser.add_argument("--split", help="of the excluded libraries only the records with this value of `split`")
    parser.add_argument("--sample", type=int, default=0, help="compounds to draw at random; 0 takes all (default: 0)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the draw (default: 1)")


def run(options: argparse.Namespace) -> list[Path]:
    """Write the list."""
    from spectus.molecules.exclusions import Exclusions
    from spectus.molecules.lists import Choice, write_molecules

    choice = Choice(
        max_mass=options.max_mass, kinds=options.derivatives, partial=options.partial, sample=options.sample,
        seed=options.seed, exclusions=Exclusions.read(options.exclude, options.split),
    )  # fmt: skip
    write_molecules(options.out, options.sources, choice, options.table)
    return [options.out]
