"""The schema of every table, and the only two functions that write and read them.

Times are seconds, masses m/z in Th, spectra two list columns with ascending `mz` and a base peak of 1.0.
A column's unit and meaning stand in the field's metadata (`schema.field(name).metadata[b"about"]`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spectus import __version__
from spectus.arrays import array
from spectus.errors import InputError
from spectus.files import replacing, require_file


def _field(name: str, kind: pa.DataType, about: str, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"about": about})


_SPECTRUM = [
    _field("mz", pa.list_(pa.float32()), "m/z of the peaks, ascending"),
    _field("intensity", pa.list_(pa.float32()), "intensity of the peaks, base peak = 1.0"),
]

RUNS = pa.schema(
    [
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("path", pa.string(), "raw file or folder, as given", nullable=False),
        _field("format", pa.string(), "format found by content, e.g. 'ANDI/netCDF', 'mzML', 'Agilent ChemStation'"),
        _field("sha256", pa.string(), "of the raw file's bytes"),
        _field("instrument", pa.string(), "as the file says"),
        _field("acquired_at", pa.string(), "start of acquisition as ISO 8601, local time of the instrument"),
        _field("ionization", pa.string(), "as the file says: 'EI', 'CI', 'ESI', ...; null if it does not say"),
        _field("polarity", pa.string(), "as the file says: 'positive' or 'negative'; null if it does not say"),
        _field("n_scans", pa.int32(), "MS1 scans"),
        _field(
            "n_scans_left_out", pa.int32(), "scans of another kind (MS/MS, SIM, polarity, function) or without time"
        ),
        _field("n_points_left_out", pa.int32(), "points dropped: negative, not a number or a fill value"),
        _field("rt_min_s", pa.float64(), "time of the first scan, s"),
        _field("rt_max_s", pa.float64(), "time of the last scan, s"),
        _field("mz_min", pa.float64(), "lowest m/z, Th"),
        _field("mz_max", pa.float64(), "highest m/z, Th"),
        _field(
            "mass_error_ppm", pa.float64(), "standard deviation of an ion's m/z from scan to scan; null at unit mass"
        ),
        _field("resolving_power", pa.float64(), "m/z over the least distance of ions seen apart; null at unit mass"),
        _field("status", pa.string(), "'ok' or 'failed'", nullable=False),
        _field("error", pa.string(), "why the run failed, and the remedy"),
        _field("note", pa.string(), "what was assumed or left out when the run was read; null if nothing"),
        _field("mzml", pa.string(), "the centroided mzML made of it; null if it failed"),
    ]
)

COMPONENTS = pa.schema(
    [
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("component", pa.int32(), "number within the run, by retention time, from 1", nullable=False),
        _field("rt_s", pa.float64(), "apex, s", nullable=False),
        _field("rt_start_s", pa.float64(), "where the model peak rises above 1 % of its apex, s"),
        _field("rt_end_s", pa.float64(), "where it has fallen below 1 %, s"),
        _field("ri", pa.float64(), "retention index (van den Dool and Kratz 1963); null without a ladder"),
        _field("ri_extrapolated", pa.bool_(), "the apex lies outside the ladder"),
        _field("ri_scale", pa.string(), "scale of the index: 'alkane' or 'fame', by the ladder"),
        _field("area", pa.float64(), "unmixed ion current under the model peak, counts x s"),
        _field("height", pa.float64(), "unmixed ion current at the apex, counts"),
        _field("snr", pa.float64(), "apex of the model peak over the noise of its trace"),
        _field("purity", pa.float64(), "share of the ion current under the peak that the component explains, 0-1"),
        _field("confidence", pa.float64(), "probability that the component is a compound, not an artifact, 0-1"),
        _field("n_peaks", pa.int32(), "peaks in the spectrum"),
        _field("saturated", pa.bool_(), "some of its ions reached the detector's ceiling"),
        *_SPECTRUM,
        _field(
            "relative_intensity_error",
            pa.list_(pa.float32()),
            "standard error of each intensity, divided by the intensity, 0-1",
        ),
        _field("accurate_mz", pa.list_(pa.float64()), "measured m/z of its mass traces, ascending; null at unit mass"),
        _field("accurate_intensity", pa.list_(pa.float32()), "intensity of these traces, largest = 1.0"),
        _field("mass_error_ppm", pa.float64(), "scatter of the run's m/z from scan to scan, ppm; null at unit mass"),
        _field("profile_rt_s", pa.list_(pa.float32()), "times of the model peak's points, s"),
        _field("profile", pa.list_(pa.float32()), "model peak at those times, apex = 1.0"),
    ]
)

RI_STANDARDS = pa.schema(
    [
        _field("run", pa.string(), "the ladder run", nullable=False),
        _field("series", pa.string(), "'alkane' or 'fame'", nullable=False),
        _field("carbon", pa.int32(), "carbon number of the RI standard (of the acid, for a FAME)", nullable=False),
        _field("ri", pa.float64(), "retention index the RI standard stands for", nullable=False),
        _field("component", pa.int32(), "component of the ladder run; null if the RI standard is missing"),
        _field("rt_s", pa.float64(), "apex, s; null if the RI standard is missing"),
        _field("score", pa.float64(), "how well the spectrum fits the series, 0-1"),
        _field(
            "missing", pa.bool_(), "the RI standard lies between found RI standards but was not seen", nullable=False
        ),
    ]
)

FEATURES = pa.schema(
    [
        _field("feature", pa.string(), "identifier, by retention order", nullable=False),
        _field("rt_s", pa.float64(), "median apex over its runs, s", nullable=False),
        _field("ri", pa.float64(), "median retention index over its runs; null without a ladder"),
        _field("ri_extrapolated", pa.bool_(), "the index lies outside the ladder"),
        _field("ri_scale", pa.string(), "scale of the index: 'alkane' or 'fame', by the ladder"),
        _field("n_runs", pa.int32(), "runs in which it was perceived as a component", nullable=False),
        _field("best_run", pa.string(), "the run of its best component"),
        _field("best_component", pa.int32(), "the component of that run"),
        _field("snr", pa.float64(), "of that component"),
        _field("purity", pa.float64(), "of that component"),
        _field("confidence", pa.float64(), "probability that it is a compound, from all its components, 0-1"),
        *_SPECTRUM,
    ]
)

PEAK_AREAS = pa.schema(
    [
        _field("feature", pa.string(), "identifier of the feature", nullable=False),
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("component", pa.int32(), "the component of that run; null where the area was filled in"),
        _field("rt_s", pa.float64(), "apex in that run, s"),
        _field("area", pa.float64(), "counts x s"),
        _field(
            "gap_filled", pa.bool_(), "true where no component was perceived and the area was read at the expected time"
        ),
    ]
)

SPECTRA = pa.schema(
    [
        _field("entry", pa.int32(), "position of the record in its file, from 0", nullable=False),
        _field("name", pa.string(), "name of the record; unique within the file", nullable=False),
        _field("smiles", pa.string(), "structure, as the file says, or from its InChI"),
        _field("inchikey", pa.string(), "as the file says, or from its InChI"),
        _field("formula", pa.string(), "molecular formula"),
        _field("cas", pa.string(), "CAS registry number, as the file says, if its check digit is right"),
        _field("ri", pa.float64(), "retention index"),
        _field("ri_scale", pa.string(), "scale of the index: 'alkane', 'fame'; null if nothing tells it"),
        _field("ri_extrapolated", pa.bool_(), "the index lies outside the ladder; null if not known"),
        _field("ionization", pa.string(), "'EI', or for example 'ESI MS2 negative'; null if the file does not say"),
        _field("contradiction", pa.string(), "fields for the structure that contradict each other; null if none do"),
        _field(
            "derivative", pa.string(), "derivative of `smiles` that was measured: '3 TMS', '1 MeOx, 5 TMS'; else null"
        ),
        _field("smiles_measured", pa.string(), "structure of that derivative; null if it is `smiles`, or not known"),
        _field(
            "excluded", pa.string(), "why the spectrum is neither of `smiles` nor of a derivative; null if it may be"
        ),
        _field("source", pa.string(), "accession, identifier or contributor of the record"),
        _field("license", pa.string(), "license of the record, as the file says"),
        *_SPECTRUM,
        _field("reason", pa.string(), "why the record cannot be used; null if it can"),
    ]
)

LIBRARY_HITS = pa.schema(
    [
        _field("query", pa.string(), "feature, or the record's name", nullable=False),
        _field("rank", pa.int32(), "from 1", nullable=False),
        _field("library", pa.string(), "name of the library file without its suffix"),
        _field("entry", pa.int32(), "position of the record in the library, from 0"),
        _field("name", pa.string(), "name of the compound or record"),
        _field("smiles", pa.string(), "structure as SMILES"),
        _field("inchikey", pa.string(), "structure as InChIKey"),
        _field("formula", pa.string(), "molecular formula"),
        _field("cas", pa.string(), "CAS registry number, as the file says, if its check digit is right"),
        _field("score", pa.float64(), "cosine with the RI penalty, 0-1"),
        _field("cosine", pa.float64(), "weighted cosine, 0-1"),
        _field("ri_delta", pa.float64(), "query's RI minus the library's; null unless they can be compared"),
        _field("ri_basis", pa.string(), "what ri_delta rests on: 'same scale', 'converted', 'extrapolated'"),
        _field("contradiction", pa.string(), "fields for the record's structure that contradict each other"),
        _field(
            "derivative", pa.string(), "derivative of `smiles` that was measured: '3 TMS', '1 MeOx, 5 TMS'; else null"
        ),
        _field("smiles_measured", pa.string(), "structure of that derivative; null if it is `smiles`, or not known"),
        _field(
            "excluded", pa.string(), "why the spectra are neither of `smiles` nor of a derivative; null if it may be"
        ),
        _field("source", pa.string(), "accession, identifier or contributor of the record"),
        _field("license", pa.string(), "license of the record, as the library says"),
        _field(
            "posterior",
            pa.float64(),
            "reranker's probability of the hit among the query's predicted hits; null if none",
        ),
        _field("predicted", pa.bool_(), "the library's spectrum is predicted, not measured"),
        _field("reason", pa.string(), "why the query has no hits; null otherwise"),
    ]
)

DENOVO_CANDIDATES = pa.schema(
    [
        _field("query", pa.string(), "feature, or the record's name", nullable=False),
        _field("rank", pa.int32(), "by score, from 1", nullable=False),
        _field("smiles", pa.string(), "canonical, without stereochemistry; null where there is a reason"),
        _field("method", pa.string(), "what made it: 'model', 'edit' (structure editing) or 'model+edit'"),
        _field("parent", pa.string(), "structure that was edited, as SMILES; null if the model alone made it"),
        _field(
            "score",
            pa.float64(),
            "what ranks the candidates: log_prob, or where the query's structures were edited, logarithms of odds from "
            "the predicted spectrum, the mass, the edit and log_prob, up to a constant",
        ),
        _field(
            "log_prob",
            pa.float64(),
            "natural logarithm of the summed probability of the decoded strings that mean it; of an edited structure, "
            "of its canonical SMILES",
        ),
        _field("n_invalid", pa.int32(), "decoded strings of this query that are no molecule"),
        _field("model", pa.string(), "name of the model"),
        _field("reason", pa.string(), "why the query has no candidate; null otherwise"),
        _field("note", pa.string(), "peaks of the query that the model could not take; null if it took all"),
    ]
)

CANDIDATES = pa.schema(
    [
        _field("query", pa.string(), "feature, or the record's name", nullable=False),
        _field("rank", pa.int32(), "from 1, by probability; 'none of these' is last", nullable=False),
        _field("smiles", pa.string(), "null where the library record has no structure, and for 'none of these'"),
        _field("inchikey", pa.string(), "structure as InChIKey"),
        _field("formula", pa.string(), "molecular formula"),
        _field("name", pa.string(), "of the library record, if there is one; 'none of these' in the last row"),
        _field("cas", pa.string(), "CAS number, as the library says"),
        _field(
            "source",
            pa.string(),
            "what named it, joined by +: 'library', 'predicted', 'model', 'edit'; or 'none' in the last row",
        ),
        _field("probability", pa.float64(), "calibrated probability that the structure is right, 0-1"),
        _field("formula_probability", pa.float64(), "the same of its molecular formula, 0-1"),
        _field("scaffold_probability", pa.float64(), "the same of its Murcko scaffold, or that it has no ring, 0-1"),
        _field(
            "in_set_80", pa.bool_(), "one of the smallest set that holds the right answer with a probability of 80 %"
        ),
        _field("in_set_90", pa.bool_(), "the same for 90 %"),
        _field("level", pa.string(), "identification level (Schymanski 2014): 2a, 2b, 3, 4, 5"),
        _field(
            "library_score",
            pa.float64(),
            "score of the best hit in a measured library: cosine with the RI penalty, 0-1",
        ),
        _field("predicted_score", pa.float64(), "weighted cosine with the predicted spectrum, 0-1"),
        _field("explained", pa.float64(), "share of the ion current that subformulae of the candidate explain, 0-1"),
        _field("log_prob", pa.float64(), "natural logarithm of the de novo model's probability of the structure"),
        _field("ri_delta", pa.float64(), "query's RI minus the library record's; null unless they can be compared"),
        _field("ri_predicted", pa.float64(), "retention index that the structure is predicted to have, n-alkane scale"),
        _field("derivative", pa.string(), "derivative whose spectrum the library record holds, e.g. '3 TMS'"),
        _field("excluded", pa.string(), "why the spectrum excludes the structure; null if it does not"),
        _field("suspects", pa.string(), "suspect lists that name the compound, joined by ;"),
        _field("explained_mz", pa.list_(pa.float64()), "m/z of peaks that subformulae of the candidate explain"),
        _field("explained_formula", pa.list_(pa.string()), "the most abundant subformula predicted at each of them"),
        _field("reason", pa.string(), "why the query has no candidate; null otherwise"),
    ]
)

AMOUNTS = pa.schema(
    [
        _field("compound", pa.string(), "name of the compound, or of its feature", nullable=False),
        _field("feature", pa.string(), "the feature that it is; null if it was sought by its time only"),
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("amount", pa.float64(), "amount times the dilution; null below the limit of detection or without curve"),
        _field("amount_low", pa.float64(), "lower limit of its confidence interval; 0 if the compound is not detected"),
        _field(
            "amount_high", pa.float64(), "upper limit of it; the limit of detection if the compound is not detected"
        ),
        _field("unit", pa.string(), "unit of the amounts; null if neither the settings nor the sheet state it"),
        _field("flag", pa.string(), "what is wrong with the amount, joined by '; '; null if nothing"),
        _field("rt_s", pa.float64(), "apex of the quantifier ion, s; null without a peak"),
        _field("area", pa.float64(), "area of the quantifier ion, counts x s; null if the run has no mzML"),
        _field("snr", pa.float64(), "height of the quantifier ion over its noise"),
        _field("standard_area", pa.float64(), "area of the internal standard's ion, counts x s"),
        _field(
            "response",
            pa.float64(),
            "area over the standard's area, if any, and drift_factor; less the blanks if so set",
        ),
        _field("drift_factor", pa.float64(), "drift of the response by pooled QC samples; null if not to be corrected"),
        _field("qualifier_error", pa.float64(), "largest relative deviation of a qualifier ratio; null without any"),
    ]
)

CALIBRATION_CURVES = pa.schema(
    [
        _field("compound", pa.string(), "name of the compound, or of its feature", nullable=False),
        _field("batch", pa.string(), "batch of the sheet that the curve is for; '' for all runs", nullable=False),
        _field("feature", pa.string(), "the feature that the compound is; null if it was sought by its time only"),
        _field("rt_s", pa.float64(), "time of the compound, s"),
        _field("standard", pa.string(), "internal standard; null for none"),
        _field("quantifier_mz", pa.float64(), "m/z of the quantifier ion"),
        _field("qualifier_mz", pa.list_(pa.float64()), "m/z of the qualifier ions"),
        _field(
            "qualifier_ratio", pa.list_(pa.float64()), "their areas over that of the quantifier, in the calibrators"
        ),
        _field("model", pa.string(), "'linear', 'quadratic' or 'proportional'; null without a curve"),
        _field("weighting", pa.string(), "weights of the calibrators: 'equal', '1/x' or '1/x2'"),
        _field("intercept", pa.float64(), "c0 of response = c0 + c1 amount + c2 amount^2"),
        _field("slope", pa.float64(), "c1"),
        _field("curvature", pa.float64(), "c2; 0 for a straight line"),
        _field("r2", pa.float64(), "coefficient of determination of the responses"),
        _field("weighted_r2", pa.float64(), "the same with the weights of the fit"),
        _field("residual_sd", pa.float64(), "standard deviation of a response of weight 1 about the curve"),
        _field("covariance", pa.list_(pa.float64()), "covariance of c0, c1, c2, row by row"),
        _field("freedom", pa.int32(), "degrees of freedom of residual_sd"),
        _field("n_calibrators", pa.int32(), "calibrators of the fit"),
        _field("amount_min", pa.float64(), "lowest amount of the calibrators above 0"),
        _field("amount_max", pa.float64(), "highest amount of the calibrators"),
        _field("lod", pa.float64(), "limit of detection, in the unit of the amounts"),
        _field("loq", pa.float64(), "limit of quantitation, in the unit of the amounts"),
        _field("limit_basis", pa.string(), "what lod and loq rest on, with the formula's source"),
        _field("loo_error", pa.float64(), "mean relative error of calibrators calculated back without themselves"),
        _field("drift", pa.string(), "whether the drift of the responses was corrected; null if not to be corrected"),
        _field("unit", pa.string(), "unit of the amounts"),
        _field("reason", pa.string(), "why there is no curve, or what is unusual; null otherwise"),
    ]
)

CALIBRATION_POINTS = pa.schema(
    [
        _field("compound", pa.string(), "name of the compound, or of its feature", nullable=False),
        _field("batch", pa.string(), "batch of the curve; '' for all runs", nullable=False),
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("type", pa.string(), "'calibrator' or 'qc'", nullable=False),
        _field("known_amount", pa.float64(), "amount in the sheet", nullable=False),
        _field("response", pa.float64(), "measured response; null if there is none"),
        _field("fitted", pa.float64(), "response of the curve at the known amount"),
        _field("residual", pa.float64(), "response minus fitted"),
        _field("weighted_residual", pa.float64(), "residual over its standard deviation by the weights of the fit"),
        _field("amount", pa.float64(), "calculated back from the response"),
        _field("relative_error", pa.float64(), "calculated amount over known amount, minus 1"),
        _field("used", pa.bool_(), "the calibrator helped to fit the curve", nullable=False),
        _field("flag", pa.string(), "what is wrong with the run, joined by '; '; null if nothing"),
    ]
)

BLANK_VERDICTS = pa.schema(
    [
        _field("feature", pa.string(), "identifier of the feature", nullable=False),
        _field("blank_group", pa.string(), "runs that share blanks: a batch, a chunk, or 'campaign'", nullable=False),
        _field("n_samples", pa.int32(), "samples of the group", nullable=False),
        _field("n_blanks", pa.int32(), "blanks of the group", nullable=False),
        _field("sample_area", pa.float64(), "median area of the samples that have it perceived, counts x s"),
        _field("blank_area", pa.float64(), "mean area of the blanks, counts x s"),
        _field("blank_sd", pa.float64(), "standard deviation of the blanks, counts x s; null for one blank"),
        _field("blank_limit", pa.float64(), "area above which a run exceeds the blanks, counts x s"),
        _field("ratio", pa.float64(), "sample_area over blank_area; null if the blanks have none of it"),
        _field("p_value", pa.float64(), "one-sided test that samples exceed blanks; null for fewer than 2 of either"),
        _field("q_value", pa.float64(), "the same for all features of the group (Benjamini and Hochberg 1995)"),
        _field("n_above", pa.int32(), "samples above blank_limit and the least ratio"),
        _field("verdict", pa.string(), "'absent in blanks', 'above blanks', 'like blanks', 'in blanks only'; null"),
        _field("contaminant", pa.string(), "common contaminant that the spectrum fits; null for none"),
        _field("origin", pa.string(), "where that contaminant comes from"),
        _field("reason", pa.string(), "why there is no verdict; null otherwise"),
    ]
)

CORRECTED_AREAS = pa.schema(
    [
        _field("feature", pa.string(), "identifier of the feature", nullable=False),
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("corrected_area", pa.float64(), "area over drift_factor, less the blanks if so set, counts x s"),
        _field("drift_factor", pa.float64(), "signal at this injection over its median, from pooled QC samples", False),
        _field("blank_ratio", pa.float64(), "area over the mean of its blanks; null if they have none of it"),
        _field("above_blanks", pa.bool_(), "the area exceeds the blanks; null without blanks, and for blanks"),
    ]
)

QC_RUNS = pa.schema(
    [
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("type", pa.string(), "type of the run in the sample sheet", nullable=False),
        _field("batch", pa.string(), "batch of the sheet; null for none"),
        _field("injection", pa.int32(), "place in the order of injection, from 1", nullable=False),
        _field("injection_source", pa.string(), "'sheet', 'acquired_at' (raw file) or 'rows' of the sheet", False),
        _field("acquired_at", pa.string(), "start of acquisition, as the raw file says"),
        _field("standard_area", pa.float64(), "area of the internal standard's ion, counts x s"),
        _field("standard_ratio", pa.float64(), "that area over the median of the batch"),
        _field("standard_rt_s", pa.float64(), "apex of the internal standard, s"),
        _field("standard_shift_s", pa.float64(), "that apex minus the median of the campaign, s"),
        _field("shift_s", pa.float64(), "median shift of the perceived features from their median times, s"),
        _field("shift_spread_s", pa.float64(), "median absolute deviation of these shifts, s"),
        _field("n_features", pa.int32(), "features perceived in the run", nullable=False),
        _field("median_ratio", pa.float64(), "area over the feature's median area: median of the perceived ones"),
        _field("flag", pa.string(), "limits that the run exceeds, joined by '; '; null if none"),
    ]
)

QC_FEATURES = pa.schema(
    [
        _field("feature", pa.string(), "identifier of the feature", nullable=False),
        _field("n_qc", pa.int32(), "pooled QC samples (else QC samples of one amount) with an area", nullable=False),
        _field("qc_area", pa.float64(), "mean area in them, counts x s"),
        _field("cv", pa.float64(), "coefficient of variation of the areas; null for fewer than 3"),
        _field("cv_corrected", pa.float64(), "the same after the drift correction, each QC sample left out in turn"),
        _field("drift", pa.float64(), "highest over lowest drift factor of the campaign; 1 without a correction"),
        _field("span", pa.float64(), "share of the QC samples in each local fit (LOESS); null without a correction"),
        _field("d_ratio", pa.float64(), "standard deviation in QC samples over that in samples"),
        _field("flag", pa.string(), "limits that the feature exceeds, joined by '; '; null if none"),
        _field("reason", pa.string(), "why the drift was not corrected; null if it was"),
    ]
)

EVALUATIONS = pa.schema(
    [
        _field("entry", pa.int32(), "position of the record in the evaluated file, from 0", nullable=False),
        _field("query", pa.string(), "the record's name", nullable=False),
        _field("ground_truth", pa.string(), "its structure: canonical SMILES without stereochemistry", nullable=False),
        _field(
            "method", pa.string(), "'model', or a search: 'cosine', 'hybrid', 'weighted', 'nearest'", nullable=False
        ),
        _field("candidates", pa.list_(pa.string()), "its answers, best first, each structure once", nullable=False),
        _field(
            "similarities",
            pa.list_(pa.float32()),
            "Tanimoto similarity of each to the ground truth, 0-1",
            nullable=False,
        ),
        _field(
            "exact_rank", pa.int32(), "position of the ground truth among the candidates, from 1; null if not there"
        ),
        _field(
            "formula_rank", pa.int32(), "position of the first candidate of the ground truth's formula; null if none"
        ),
        _field("in_reference", pa.bool_(), "the searched library holds the compound; null without a search"),
        _field("n_valid", pa.int32(), "decoded strings that are molecules; null for a search"),
        _field("n_invalid", pa.int32(), "decoded strings that are none; null for a search"),
        _field("reason", pa.string(), "why there is no candidate; null otherwise"),
        _field("note", pa.string(), "peaks of the query that the model could not take; null if it took all"),
    ]
)

GROUND_TRUTH = pa.schema(
    [
        _field("run", pa.string(), "name of the run in the sample sheet", nullable=False),
        _field("compound", pa.int32(), "number of the compound in the campaign, from 1", nullable=False),
        _field("name", pa.string(), "name of the compound or record"),
        _field("smiles", pa.string(), "structure as SMILES"),
        _field("inchikey", pa.string(), "structure as InChIKey"),
        _field("rt_s", pa.float64(), "apex, s", nullable=False),
        _field("ri", pa.float64(), "retention index of the library record"),
        _field("fwhm_s", pa.float64(), "s"),
        _field("height", pa.float64(), "of the base peak's trace at the apex, counts"),
        _field("area", pa.float64(), "of all its ions, counts x s"),
        _field("group", pa.int32(), "compounds that elute together share a number"),
        _field("nearest_s", pa.float64(), "distance to the nearest other compound, s"),
        *_SPECTRUM,
        _field("exact_mz", pa.list_(pa.float64()), "exact m/z of each peak; null in a run of unit mass"),
    ]
)


def table(schema: pa.Schema, columns: Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Any]]) -> pa.Table:
    """Make a table of `schema` from columns (a mapping) or rows (an iterable of mappings); absent columns are null."""
    if isinstance(columns, Mapping):
        n_rows = len(next(iter(columns.values()))) if columns else 0
        arrays = [
            array(columns[field.name], field.type) if field.name in columns else pa.nulls(n_rows, field.type)
            for field in schema
        ]
        unknown = set(columns) - set(schema.names)
        if unknown:
            raise KeyError(f"not in the schema: {sorted(unknown)}")
        return pa.Table.from_arrays(arrays, schema=schema)
    rows = list(columns)
    if not rows:
        return schema.empty_table()
    return pa.Table.from_arrays(
        [array([row.get(name) for row in rows], schema.field(name).type) for name in schema.names], schema=schema
    )


def provenance(extra: Mapping[str, str] | None = None) -> dict[bytes, bytes]:
    """Metadata every file carries: the package's version, the configuration's hash, and what a stage adds."""
    entries = {
        "spectus_version": __version__,
        "spectus_config": os.environ.get("SPECTUS_CONFIG_HASH", ""),
        **(extra or {}),
    }
    return {key.encode(): value.encode() for key, value in entries.items()}


_ROW_GROUP = 65_536
"""Rows of a row group; chosen: a library of spectra can be read in parts of some 50 MB."""


def write(rows: pa.Table, path: Path, schema: pa.Schema, extra: Mapping[str, str] | None = None) -> None:
    """Write `rows` as `schema` to a Parquet file, whole or not at all.

    Raises
    ------
    ValueError, pa.ArrowInvalid: the rows do not fit the schema (a mistake of the program, not of the user).
    """
    checked = _checked(rows, path, schema)
    with replacing(path) as temporary:
        pq.write_table(
            checked.replace_schema_metadata(provenance(extra)), temporary, compression="zstd", row_group_size=_ROW_GROUP
        )


class Writer:
    """Appends tables of one schema to a Parquet file, a row group each; made by `writing`."""

    def __init__(self, path: Path, schema: pa.Schema, parquet: pq.ParquetWriter) -> None:
        self._path, self._schema, self._parquet = path, schema, parquet

    def append(self, rows: pa.Table) -> None:
        """Add `rows`; raises as `write` does. A table without rows adds nothing."""
        if rows.num_rows:
            self._parquet.write_table(_checked(rows, self._path, self._schema))


@contextmanager
def writing(path: Path, schema: pa.Schema, extra: Mapping[str, str] | None = None) -> Iterator[Writer]:
    """Open a `Writer` for a table too long for memory; the file appears whole when the block ends, or not at all."""
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema.with_metadata(provenance(extra)), compression="zstd") as parquet,
    ):
        yield Writer(path, schema, parquet)


def read(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of `schema`, or the named columns of it.

    Raises
    ------
    InputError: the file is missing, no Parquet file, or lacks a column of the schema.
    """
    wanted = _wanted(path, schema, columns)
    try:
        with pq.ParquetFile(path) as parquet:  # pq.read_table would import pandas
            return parquet.read(columns=wanted.names).cast(wanted)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"cannot be read ({_first_line(error)})", "make it again") from error


def read_parts(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Read as `read` does, row group by row group: for tables too long for memory."""
    wanted = _wanted(path, schema, columns)
    try:
        with pq.ParquetFile(path) as parquet:
            for part in range(parquet.num_row_groups):
                yield parquet.read_row_group(part, columns=wanted.names).cast(wanted)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"cannot be read ({_first_line(error)})", "make it again") from error


def _wanted(path: Path, schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """Return the part of `schema` to read, once it is sure that the file has it."""
    names = list(columns or schema.names)
    try:
        found = pq.read_schema(require_file(path))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"not a readable Parquet file ({_first_line(error)})", "make it again") from error
    missing = [name for name in names if name not in found.names]
    if missing:
        raise InputError(path, f"lacks the columns {', '.join(missing)}", "give the table that the stage before writes")
    return pa.schema([schema.field(name) for name in names])


def _checked(rows: pa.Table, path: Path, schema: pa.Schema) -> pa.Table:
    checked = rows.select(schema.names)
    if not checked.schema.equals(schema, check_metadata=True):
        checked = checked.cast(schema)  # imports pyarrow.compute, which takes a tenth of the time of a run
    for field in schema:
        if not field.nullable and checked[field.name].null_count:
            raise ValueError(f"column {field.name!r} of {path.name} must not hold nulls")
    return checked


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
