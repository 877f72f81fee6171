"""The scores of an evaluation as a table to read: one line a measure, the 95 % interval in brackets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_NAMES = {
    "exact": "exact structure",
    "hit": "similarity 1",
    "near": "similarity > 0.85",
    "similarity": "mean similarity",
    "formula": "molecular formula",
    "win": "win (more similar)",
    "alag": "at least as good (ALAG)",
    "real_win": "REAL win (or exact)",
    "real_alag": "REAL ALAG",
    "fpsd": "mean difference (FPSD)",
}
_OF_COMPARISON = ("win", "alag", "real_win", "real_alag", "fpsd")
_UNIT = ("similarity", "fpsd")
_INDENT = "  "


def score_table(scores: Mapping[str, Any]) -> str:
    """Format the scores that `spectus evaluate` writes as JSON.

    Parameters
    ----------
    scores
        The content of the JSON file.

    Returns
    -------
    str
        Lines of a table.
    """
    choices = [key.removeprefix("exact_") for key in scores if key.startswith("exact_")]
    last = choices[-1]
    lines = [*_heading(scores), "", *_of_model(scores, choices)]
    if "searches" in scores:
        lines += ["", *_of_searches(scores, list(dict.fromkeys(["top_1", last])))]
    return "\n".join(lines)


def _heading(scores: Mapping[str, Any]) -> list[str]:
    left_out = {
        "without a structure": scores["n_no_structure"],
        "excluded": scores["n_excluded"],
        "beyond the model's limits": scores["n_unusable"],
    }
    counted = ", ".join(f"{n:,} {why}" for why, n in left_out.items() if n)
    return [
        f"{scores['model']} on {_file(scores)}: {scores['n_queries']:,} spectra of {scores['n_compounds']:,} compounds,"
        f" {scores['beams']} beams"
        + (f"; left out: {counted}" if counted else "")
        + (f"; {scores['n_trimmed']:,} trimmed to the model's limits" if scores["n_trimmed"] else ""),
        "top 1: the first answer; any of k: the best of the first k, chosen by an oracle; [95 % interval by compounds]",
    ]


def _of_model(scores: Mapping[str, Any], choices: Sequence[str]) -> list[str]:
    wanted = [f"exact_{choice}" for choice in choices]
    wanted += [
        f"{name}_{choice}"
        for name in ("hit", "near", "similarity", "formula")
        for choice in dict.fromkeys([choices[0], choices[-1]])
    ]
    wanted += ["valid_share", "answered"]
    rows = [[_label(name), _cell(scores[name], name), _cell(scores[name]["per_compound"], name)] for name in wanted]
    return _aligned([["model", "per spectrum", "per compound"], *rows])


def _of_searches(scores: Mapping[str, Any], choices: Iterable[str]) -> list[str]:
    searches, reference = scores["searches"], scores["reference"]
    rows = [["found by search", *searches]]
    for name in ("exact", "similarity"):
        for choice in choices:
            cells = [_cell(search[f"{name}_{choice}"], name) for search in searches.values()]
            rows.append([_label(f"{name}_{choice}"), *cells])
    rows.append(["model against search", *[""] * len(searches)])
    for choice in choices:
        for name in _OF_COMPARISON:
            cells = [_cell(search["model_against_it"][choice][name], name) for search in searches.values()]
            rows.append([_label(f"{name}_{choice}"), *cells])
    return [
        f"Searches in {_file(reference)}: {reference['n_spectra']:,} spectra of {reference['n_compounds']:,} compounds;"
        f" it holds the compound of {_cell(scores['in_reference'], 'share')} of the queries",
        *(f"{_INDENT}{name}: {search['about']}" for name, search in searches.items()),
        *_aligned(rows),
    ]


def _file(origin: Mapping[str, Any]) -> str:
    return f"{origin['library']}" + (f", split {origin['split']}" if origin["split"] else "")


def _label(measure: str) -> str:
    for ending, words in (("_top_1", ", top 1"), ("_any_", ", any of ")):
        name, found, number = measure.rpartition(ending)
        if found:
            return f"{_INDENT}{_NAMES[name]}{words}{number}"
    return _INDENT + {"valid_share": "valid strings", "answered": "spectra with an answer"}[measure]


def _cell(estimate: Mapping[str, float], measure: str) -> str:
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    if measure.startswith(_UNIT):
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return f"{100 * value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]
