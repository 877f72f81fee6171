"""`spectus quantify`: amounts, comparison with blanks, and quality control of a campaign."""

import argparse
from pathlib import Path

from spectus.cli.arguments import add_settings, add_table, settings_of

EXAMPLE = (
    "spectus quantify features.parquet peak_areas.parquet --samples samples.tsv --runs-table runs.parquet "
    "--internal-standard 390.5 --unit ug/mL --out quantitation/amounts.parquet"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.quantitation.settings import QuantifySettings

    parser.add_argument("features", type=Path, metavar="FEATURES", help="table of features")
    parser.add_argument("peak_areas", type=Path, metavar="PEAK_AREAS", help="table of peak areas")
    parser.add_argument("--samples", required=True, type=Path, metavar="SHEET", help="sample sheet")
    parser.add_argument(
        "--runs-table", nargs="+", type=Path, default=[], metavar="PARQUET",
        help="tables of runs; ions are measured in their mzML, without which there are no amounts",
    )  # fmt: skip
    parser.add_argument(
        "--compounds", type=Path, metavar="TABLE",
        help="compounds to quantify (.tsv, .csv, .xlsx) with the column name and any of feature, rt_s, rt_min, "
        "quantifier, qualifiers, internal_standard; without it, the features that follow the calibrators",
    )  # fmt: skip
    parser.add_argument(
        "--hits", nargs="+", type=Path, default=[], metavar="PARQUET",
        help="tables of library hits or candidates, to find compounds and the standard by name",
    )  # fmt: skip
    parser.add_argument(
        "--chunk-runs", type=int, default=20, metavar="N",
        help="neighbors in the sheet that share blanks if it has no batches (default: 20)",
    )  # fmt: skip
    add_settings(
        parser, QuantifySettings,
        {
            "internal_standard": "internal standard: a feature, a retention time in s, or a name",
            "unit": "unit of the amounts in the sheet",
            "curve": "model of the calibration curves: auto, linear, quadratic or proportional (through zero)",
            "weighting": "weights of the calibrators: auto, equal, 1/x or 1/x2",
            "confidence": "level of the intervals of amounts, 0-1",
            "qualifiers": "qualifier ions of a compound",
            "qualifier_tolerance": "largest relative deviation of a qualifier ratio",
            "rt_tolerance": "largest distance of a peak from the expected time, s",
            "qc_tolerance": "largest relative error of a calibrator or QC sample",
            "blanks": "what is done with the area of the blanks: flag or subtract",
            "drift": "what the drift in pooled QC samples corrects: areas (of features only) or amounts too",
            "min_blank_ratio": "smallest ratio of a sample's area to the mean of the blanks",
            "standard_area_factor": "largest factor between a run's internal-standard area and the median",
            "max_cv": "largest coefficient of variation of a feature in pooled QC samples",
        },
    )  # fmt: skip
    add_table(parser, "--out", "amounts; the other tables are written beside it")


def run(options: argparse.Namespace) -> list[Path]:
    """Quantify the campaign."""
    from spectus.errors import InputError
    from spectus.quantitation.quantify import QuantifyInputs, quantify_campaign
    from spectus.quantitation.settings import QuantifySettings

    if options.chunk_runs < 1:
        raise InputError(f"--chunk-runs {options.chunk_runs}", "is below 1", "write for example 20")
    inputs = QuantifyInputs(
        options.features, options.peak_areas, options.samples, options.runs_table, options.compounds, options.hits,
        options.chunk_runs,
    )  # fmt: skip
    return quantify_campaign(inputs, settings_of(QuantifySettings, options), options.out)
