"""The command line: one command a stage. Each command imports what it needs only when it runs."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from spectus import __version__
from spectus.errors import InputError

_ANY_RUN = "raw run (.cdf, .mzML, .mzML.gz, .mzXML, .jdx, Agilent .D) or a runs table written by `spectus convert`"
_ANY_QUERIES = "features, components or spectra table (.parquet), .msp, .mgf or .jdx"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, or 2 with one line on stderr for input that cannot be used."""
    options = _parser().parse_args(arguments)
    # Threads of a matrix product that wait for each other must not spin: on a busy machine they take the time from
    # those they wait for. Read by the OpenMP runtime when it is loaded, so it stands before any import of it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the many small systems of a deconvolution gain nothing
    try:
        options.handler(options)
    except InputError as error:
        print(f"spectus {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print(f"spectus {options.command}: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spectus", description="Raw GC-MS instrument runs in, identified molecules out."
    )
    parser.add_argument("--version", action="version", version=f"spectus {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_convert, _add_deconvolve, _add_calibrate, _add_align, _add_search, _add_translate, _add_rank,
        _add_report, _add_library, _add_molecules, _add_forward, _add_simulate, _add_train, _add_evaluate, _add_serve,
    ):  # fmt: skip
        add(commands)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=about, description=about[0].upper() + about[1:] + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip


def _add_on_bad_run(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--on-bad-run", choices=["fail", "skip"], default="fail",
        help="stop at a run that cannot be read, or record why and go on",
    )  # fmt: skip


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "convert", "raw runs to centroided mzML and a runs table")
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=_ANY_RUN)
    command.add_argument("--name", nargs="+", metavar="NAME", help="names of the runs, in order (default: file names)")
    command.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder for the mzML files")
    command.add_argument("--runs-table", required=True, type=Path, metavar="PARQUET", help="where the runs table goes")
    _add_on_bad_run(command)
    command.set_defaults(handler=_convert)


def _convert(options: argparse.Namespace) -> None:
    from spectus.raw.convert import convert_runs

    convert_runs(options.runs, options.name, options.out, options.runs_table, options.on_bad_run)


def _add_deconvolve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "deconvolve", "runs to components: pure spectra with their elution profiles")
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=_ANY_RUN)
    command.add_argument("--name", nargs="+", metavar="NAME", help="names of the runs, in order (default: file names)")
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="where the components go")
    command.add_argument("--min-snr", type=float, default=4.0, help="lowest apex of an ion, in units of its noise")
    command.add_argument("--min-ions", type=int, default=3, help="fewest ions that make a component")
    _add_on_bad_run(command)
    command.set_defaults(handler=_deconvolve)


def _deconvolve(options: argparse.Namespace) -> None:
    from spectus.deconvolution.deconvolve import Settings
    from spectus.deconvolution.runs import deconvolve_runs

    settings = Settings(min_snr=options.min_snr, min_ions=options.min_ions)
    deconvolve_runs(options.runs, options.name, options.out, settings, options.on_bad_run)


def _add_calibrate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "calibrate", "retention indices from an n-alkane or FAME ladder run")
    command.add_argument("components", nargs="+", type=Path, metavar="COMPONENTS", help="components tables")
    ladder = command.add_mutually_exclusive_group(required=True)
    ladder.add_argument("--ladder", nargs="+", type=Path, metavar="COMPONENTS", help="components of the ladder run")
    ladder.add_argument("--samples", type=Path, metavar="TSV", help="sample sheet; its runs of type ladder are used")
    command.add_argument("--series", choices=["auto", "alkane", "fame"], default="auto", help="kind of ladder")
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="components with retention index")
    command.add_argument(
        "--ri-standards", required=True, type=Path, metavar="PARQUET", help="where the ladder's RI standards go"
    )
    command.set_defaults(handler=_calibrate)


def _calibrate(options: argparse.Namespace) -> None:
    from spectus.retention.calibrate import calibrate_components

    calibrate_components(
        options.components, options.ladder, options.samples, options.series, options.out, options.ri_standards
    )


def _add_align(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "align", "components of all runs to features of the campaign, with peak areas")
    command.add_argument("components", nargs="+", type=Path, metavar="COMPONENTS", help="components tables")
    command.add_argument("--samples", type=Path, metavar="TSV", help="sample sheet; ladder runs are left out")
    command.add_argument(
        "--runs-table", nargs="+", type=Path, metavar="PARQUET", help="runs tables; gaps are filled from their mzML"
    )
    command.add_argument(
        "--max-ri-shift", type=float, default=10.0, help="how far runs shift from their median, index units"
    )
    command.add_argument("--max-rt-shift", type=float, default=10.0, help="the same in s, for runs without index")
    command.add_argument(
        "--min-similarity", type=float, default=0.7, help="lowest weighted cosine of two spectra of one feature"
    )
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="where the features go")
    command.add_argument("--peak-areas", required=True, type=Path, metavar="PARQUET", help="where the areas go")
    command.set_defaults(handler=_align)


def _align(options: argparse.Namespace) -> None:
    from spectus.alignment.align import AlignSettings, align_components

    settings = AlignSettings(
        max_ri_shift=options.max_ri_shift,
        max_rt_shift_s=options.max_rt_shift,
        min_similarity=options.min_similarity,
    )
    align_components(
        options.components, options.samples, options.runs_table or [], settings, options.out, options.peak_areas
    )


def _add_search(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "search", "spectra against spectral libraries")
    command.add_argument("queries", type=Path, metavar="QUERIES", help=_ANY_QUERIES)
    command.add_argument(
        "--library", nargs="+", required=True, type=Path, metavar="LIB", help=".msp, .msl, .mgf, .jdx or .parquet"
    )
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="where the hits go")
    command.add_argument("--top", type=int, default=10, help="hits kept for each query")
    command.add_argument("--min-score", type=float, default=0.5, help="lowest score of a hit")
    command.add_argument("--ri-tolerance", type=float, default=20.0, help="scale of the RI penalty, index units")
    command.add_argument(
        "--forward", type=Path, metavar="DIR", help="forward model that reranks the hits in predicted libraries"
    )
    command.add_argument(
        "--without", type=Path, metavar="MOLECULES",
        help="list of molecules whose measured records are left out: a blind test of how they are found otherwise",
    )  # fmt: skip
    command.set_defaults(handler=_search)


def _search(options: argparse.Namespace) -> None:
    from spectus.identify.search import search_libraries

    search_libraries(
        options.queries, options.library, options.out, options.top, options.min_score, options.ri_tolerance,
        options.forward, options.without,
    )  # fmt: skip


def _add_translate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "translate", "spectra to structures, by the SpecTUS model")
    command.add_argument("queries", type=Path, metavar="QUERIES", help=_ANY_QUERIES)
    command.add_argument("--model", required=True, metavar="DIR", help="folder of the model, or its name on the hub")
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="where the structures go")
    command.add_argument("--beams", type=int, default=10, help="beams, and the most structures of a query")
    command.add_argument("--batch-size", type=int, default=0, help="spectra decoded together; 0: by memory")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    command.add_argument(
        "--precision",
        choices=["auto", "fp32", "bf16"],
        default="auto",
        help="auto: bf16 where that is faster",
    )
    known = command.add_mutually_exclusive_group()
    known.add_argument(
        "--formula", help="hold the structures to a molecular formula, e.g. C8H10N4O2; `record`: each record's own"
    )
    known.add_argument("--mass", type=int, metavar="M", help="hold the structures to a nominal mass")
    command.add_argument(
        "--no-grammar", dest="grammar", action="store_false", help="let the model write what cannot be valid SMILES"
    )
    command.add_argument("--part", default="1/1", metavar="I/N", help="every N-th query from the I-th")
    command.set_defaults(handler=_translate)


def _translate(options: argparse.Namespace) -> None:
    from spectus.denovo.elucidate import Constraint, translate_queries

    own = options.formula == "record"
    translate_queries(
        options.queries, options.model, options.out, beams=options.beams, batch_size=options.batch_size,
        device=options.device, precision=options.precision, part=_part(options.part), grammar=options.grammar,
        constraint=Constraint(None if own else options.formula, options.mass, own),
    )  # fmt: skip


def _part(text: str) -> tuple[int, int]:
    index, _, total = text.partition("/")
    if not (index.isdigit() and total.isdigit() and 1 <= int(index) <= int(total)):
        raise InputError(f"--part {text}", "is not I/N with 1 <= I <= N", "write for example --part 2/8")
    return int(index), int(total)


def _add_rank(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "rank", "library hits and de novo candidates to one ranked list of candidates")
    command.add_argument("--features", required=True, type=Path, metavar="PARQUET", help="the queries: " + _ANY_QUERIES)
    command.add_argument("--hits", required=True, type=Path, metavar="PARQUET", help="library hits")
    command.add_argument("--denovo", nargs="+", required=True, type=Path, metavar="PARQUET", help="denovo_candidates")
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="where the candidates go")
    command.add_argument("--top", type=int, default=20, help="candidates kept for each query")
    command.add_argument(
        "--library-score", type=float, default=0.8, help="a library hit of this score goes before any translation"
    )
    command.add_argument(
        "--ri-window", type=float, default=20.0, help="largest RI difference of a level 2a identification"
    )
    command.add_argument(
        "--forward",
        type=Path,
        metavar="DIR",
        help="forward model that reranks de novo candidates and predicted hits together",
    )
    command.set_defaults(handler=_rank)


def _rank(options: argparse.Namespace) -> None:
    from spectus.identify.candidates import rank_queries

    rank_queries(
        options.features, options.hits, options.denovo_candidates, options.out,
        top=options.top, library_score=options.library_score, ri_window=options.ri_window, forward=options.forward,
    )  # fmt: skip


def _add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "report", "the campaign's Parquet data set and report.html")
    for name in (
        "runs",
        "components",
        "ri_standards",
        "features",
        "peak_areas",
        "hits",
        "denovo_candidates",
        "candidates",
    ):
        command.add_argument(f"--{name}", nargs="+", required=True, type=Path, metavar="PARQUET", help=f"{name} tables")
    command.add_argument("--samples", type=Path, metavar="TSV", help="sample sheet, for the types of the runs")
    command.add_argument(
        "--library", nargs="*", default=[], type=Path, metavar="LIB", help="libraries, for the mirror plots"
    )
    command.add_argument(
        "--ground-truth", type=Path, metavar="PARQUET", help="what was simulated, to say what was found"
    )
    command.add_argument("--settings", type=Path, metavar="YAML", help="the configuration, shown with the provenance")
    command.add_argument("--title", default="GC-MS campaign", help="heading of the page")
    command.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER", help="folder for the data set and the page"
    )
    command.set_defaults(handler=_report)


def _report(options: argparse.Namespace) -> None:
    from spectus.report.campaign import CampaignResults
    from spectus.report.write import write_report

    tables = ("runs", "components", "ri_standards", "features", "peak_areas", "hits", "denovo_candidates", "candidates")
    campaign = CampaignResults.read(
        {"library_hits" if name == "hits" else name: getattr(options, name) for name in tables},
        options.samples,
        options.library,
        options.ground_truth,
        options.settings,
    )
    print(write_report(campaign, options.out, options.title))


def _add_library(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "library", "spectral libraries to one Parquet library that loads at once")
    command.add_argument("sources", nargs="+", type=Path, metavar="LIB", help=".msp, .msl, .mgf, .jdx or .parquet")
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="where the library goes")
    command.add_argument(
        "--valid", type=float, default=0.0, metavar="SHARE",
        help="to train on it: add a column `split`, with this share of the compounds as valid and the others as train",
    )  # fmt: skip
    command.set_defaults(handler=_library)


def _library(options: argparse.Namespace) -> None:
    from spectus.library.build import build_library

    build_library(options.sources, options.out, options.valid)


def _add_molecules(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "molecules", "a list of molecules to predict or to train with, from PyPI packages")
    command.add_argument("--out", required=True, type=Path, metavar="CSV", help="where smiles, name and cas go")
    command.add_argument(
        "--sources", type=_listed, default=["chemicals"], metavar="A,B",
        help="chemicals (with names and CAS numbers), molsets (1.94 million, drug-like)",
    )  # fmt: skip
    command.add_argument(
        "--table", type=Path, metavar="TSV", help="the table of the package chemicals, if it is not installed"
    )
    command.add_argument("--max-mass", type=int, default=500, help="nominal mass that is too heavy, Da")
    command.add_argument(
        "--derivatives", type=_listed, default=[], metavar="A,B",
        help="meox, tms: add the methoximes and trimethylsilyl derivatives that a laboratory would make",
    )  # fmt: skip
    command.add_argument(
        "--partial", action="store_true", help="also derivatives with amines, amides and ring NH left free"
    )
    command.add_argument(
        "--held-out", type=Path, metavar="FILE", help="sha1 of InChIKey first blocks of compounds to leave out"
    )
    command.add_argument("--without", type=Path, metavar="LIB", help="library whose compounds are left out")
    command.add_argument("--split", help="of these only the records with this value in the column `split`")
    command.add_argument("--sample", type=int, default=0, help="compounds to draw at random; 0: all")
    command.add_argument("--seed", type=int, default=1, help="the same seed draws the same compounds")
    command.set_defaults(handler=_molecules)


def _molecules(options: argparse.Namespace) -> None:
    from spectus.molecules.exclusions import Hidden
    from spectus.molecules.lists import Choice, write_molecules

    choice = Choice(
        max_mass=options.max_mass, kinds=options.derivatives, partial=options.partial, sample=options.sample,
        seed=options.seed, hidden=Hidden.read(options.held_out, options.without, options.split),
    )  # fmt: skip
    write_molecules(options.out, options.sources, choice, options.table)


def _listed(text: str) -> list[str]:
    """Words with commas between them."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "simulate", "runs with a known ground truth, from a spectral library")
    command.add_argument(
        "--library", nargs="+", required=True, type=Path, metavar="LIB", help=".msp, .msl, .mgf, .jdx or .parquet"
    )
    command.add_argument("--preset", default="benchmark", help="recipe: see spectus/simulation/presets.py")
    command.add_argument("--seed", type=int, default=1, help="the same seed gives the same runs")
    command.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="folder for mzML, ground_truth.parquet and samples.tsv",
    )
    command.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of the recipe to change, e.g. compounds=400"
    )
    command.set_defaults(handler=_simulate)


def _simulate(options: argparse.Namespace) -> None:
    from spectus.simulation.campaign import simulate_campaign

    simulate_campaign(options.library, options.preset, options.set, options.seed, options.out)


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "train", "a model on a spectral library with structures")
    kinds = command.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, about, handler in (
        ("forward", "a forward model: from a structure to its spectrum", _train_forward),
        ("pretrain", "a translation model on spectra predicted for a list of molecules", _train_pretrain),
        ("finetune", "a translation model on measured spectra", _train_finetune),
    ):
        _add_training(_command(kinds, kind, about), handler)
    kinds.choices["forward"].add_argument(
        "--molecules", type=Path, metavar="MOLECULES",
        help="a list of molecules, for wrong candidates when the score is fitted; default: those of the library",
    )  # fmt: skip
    kinds.choices["finetune"].add_argument(
        "--from", dest="start", type=Path, metavar="FOLDER", help="a pretrained model to begin with"
    )
    for kind, needed in (("pretrain", True), ("finetune", False)):
        to_mix = "" if needed else ", where the settings mix predicted spectra in"
        kinds.choices[kind].add_argument(
            "--molecules", required=needed, type=Path, metavar="MOLECULES", help="a list of molecules" + to_mix
        )
        kinds.choices[kind].add_argument(
            "--forward",
            nargs="+",
            default=[],
            required=needed,
            type=Path,
            metavar="FOLDER",
            help="forward models that share the molecules" + to_mix,
        )


def _add_training(command: argparse.ArgumentParser, handler: Callable[[argparse.Namespace], None]) -> None:
    command.add_argument(
        "library", type=Path, metavar="LIB", help="spectra with structures; a column `split` names train and valid"
    )
    command.add_argument(
        "--settings", required=True, type=Path, metavar="YAML", help="sizes and schedule; see config/training"
    )
    command.add_argument(
        "--held-out", type=Path, metavar="FILE", help="sha1 of InChIKey first blocks that no training may see"
    )
    command.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER",
        help="folder for checkpoints and the model; resumed if it exists",
    )  # fmt: skip
    command.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all")
    command.set_defaults(handler=handler)


def _train_forward(options: argparse.Namespace) -> None:
    from spectus.rerank.training import train_forward

    train_forward(options.library, options.settings, options.held_out, options.out, options.threads, options.molecules)


def _train_pretrain(options: argparse.Namespace) -> None:
    from spectus.denovo.training.train import pretrain

    pretrain(
        options.library, options.settings, options.held_out, options.out,
        options.molecules, options.forward, options.threads,
    )  # fmt: skip


def _train_finetune(options: argparse.Namespace) -> None:
    from spectus.denovo.training.train import finetune

    finetune(
        options.library, options.settings, options.held_out, options.out,
        options.start, options.molecules, options.forward, options.threads,
    )  # fmt: skip


def _add_forward(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "forward", "molecules to a library of predicted spectra")
    command.add_argument(
        "molecules", type=Path, metavar="MOLECULES",
        help=".smi, .csv, .tsv (also .gz, .xz) or .parquet with SMILES, and where known names and CAS numbers",
    )  # fmt: skip
    command.add_argument(
        "--model", required=True, metavar="MODEL",
        help="neims or rassp, which ship, neims+rassp for their mean, or the folder of a forward model",
    )  # fmt: skip
    command.add_argument("--out", required=True, type=Path, metavar="PARQUET", help="where the library goes")
    command.add_argument("--peaks", type=int, default=50, help="most peaks of a spectrum")
    command.add_argument("--part", default="1/1", metavar="I/N", help="every N-th molecule from the I-th")
    command.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all")
    command.set_defaults(handler=_forward)


def _forward(options: argparse.Namespace) -> None:
    from spectus.prediction.library import write_predicted_library

    write_predicted_library(
        options.molecules, options.model, options.out,
        part=_part(options.part), peaks=options.peaks, threads=options.threads,
    )  # fmt: skip


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "evaluate", "scores of a model on a library with structures")
    command.add_argument("model", metavar="MODEL", help="folder of the model, or its name on the hub")
    command.add_argument("library", type=Path, metavar="LIBRARY", help=".msp or .parquet with structures")
    command.add_argument("--split", help="only records with this value in the column `split`")
    command.add_argument(
        "--reference", type=Path, metavar="LIB",
        help="library with structures to search with the same queries; the model is compared with what is found",
    )  # fmt: skip
    command.add_argument("--reference-split", metavar="SPLIT", help="only records of the reference with this `split`")
    command.add_argument(
        "--held-out", type=Path, metavar="FILE",
        help="sha1 of InChIKey first blocks of compounds to leave out, as queries and from the reference",
    )  # fmt: skip
    command.add_argument("--beams", type=int, default=10, help="beams, and the most structures of a query")
    command.add_argument(
        "--given", choices=["formula", "mass"], help="hold the answers to the true formula or nominal mass"
    )
    command.add_argument("--no-grammar", dest="grammar", action="store_false", help="see `spectus translate`")
    command.add_argument("--forward", type=Path, metavar="DIR", help="forward model that puts the structures in order")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    command.add_argument("--out", type=Path, metavar="JSON", help="where the scores go; a table is printed in any case")
    command.add_argument("--details", type=Path, metavar="PARQUET", help="where the answers to each query go, reranked")
    command.set_defaults(handler=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from spectus.evaluation.denovo import evaluate_model

    evaluate_model(
        options.model, options.library, options.split, options.beams, options.device, options.out,
        reference=options.reference, reference_split=options.reference_split,
        held_out=options.held_out, details=options.details, given=options.given, grammar=options.grammar,
        forward=options.forward,
    )  # fmt: skip


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(commands, "serve", "translation over HTTP: a REST interface and a web page")
    command.add_argument("--model", required=True, metavar="DIR", help="folder of the model, or its name on the hub")
    command.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0: all of the machine's")
    command.add_argument("--port", type=int, default=8000, help="port to listen at; 0: one that is free")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    command.add_argument(
        "--precision", choices=["auto", "fp32", "bf16"], default="auto", help="auto: bf16 where that is faster"
    )
    command.add_argument("--beams", type=int, default=10, help="fewest beams of a request")
    command.add_argument("--max-candidates", type=int, default=50, help="most structures one request may ask for")
    command.add_argument("--batch-size", type=int, default=0, help="spectra decoded together; 0: by memory")
    command.add_argument(
        "--workers", type=int, default=0, help="batches decoded at a time; 0: 1 on a GPU, one a core on a CPU, up to 4"
    )
    command.add_argument(
        "--max-peaks", type=int, default=300, help="most peaks of a spectrum; the model may allow less"
    )
    command.add_argument("--max-body", type=int, default=131_072, help="largest body of a request, bytes")
    command.add_argument(
        "--max-waiting", type=int, default=1000, help="requests that may wait; more are told to come again"
    )
    command.add_argument("--max-kept", type=int, default=10_000, help="answers kept to be fetched")
    command.add_argument("--keep", type=float, default=4.0, metavar="HOURS", help="how long an answer is kept")
    command.set_defaults(handler=_serve)


def _serve(options: argparse.Namespace) -> None:
    from spectus.serve.limits import ServerLimits
    from spectus.serve.server import serve

    limits = ServerLimits(
        beams=options.beams, max_candidates=options.max_candidates, batch_size=options.batch_size,
        workers=options.workers, max_peaks=options.max_peaks, max_body=options.max_body,
        max_waiting=options.max_waiting, max_kept=options.max_kept, keep_s=3600 * options.keep,
    )  # fmt: skip
    serve(options.model, options.host, options.port, options.device, options.precision, limits)


if __name__ == "__main__":
    raise SystemExit(main())
