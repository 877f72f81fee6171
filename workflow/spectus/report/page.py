"""The page: one HTML file with its tables, styles, script and data.

What can be read without choosing anything (runs, ladder, terms, provenance) is HTML. The script draws the features and
the figures from the document of `spectus.report.content`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from spectus import __version__, tables
from spectus.report.campaign import (
    CampaignResults,
    candidate_count,
    evidence_of_features,
    finding_of_features,
    recovery,
)
from spectus.report.content import PageContent, has_quantities, page_content
from spectus.report.markup import html_table, minutes_text, number_text, range_text
from spectus.report.notices import notices
from spectus.report.provenance import provenance_section
from spectus.report.terms import FINDINGS, IDENTIFIED_BY, LEVELS, NONE_OF_THESE, SOURCES, TERMS, VERDICTS
from spectus.web.template import fill_template, shared_style

_FOLDER = Path(__file__).parent
_SCRIPTS = (
    "elements.js", "packing.js", "saving.js", "chromatograms.js", "filters.js", "curation.js", "features.js",
    "feature.js", "candidates.js", "spectra.js", "traces.js", "overview.js", "quantities.js", "page.js",
)  # fmt: skip
_SERIES = {"alkane": "n-alkanes", "fame": "fatty acid methyl esters"}


def render_report(campaign: CampaignResults, title: str) -> str:
    """Return the page as HTML. Nothing in it depends on when or where it is made.

    Parameters
    ----------
    campaign : CampaignResults
        The results.
    title : str
        Heading of the page.
    """
    content = page_content(campaign)
    parts = {
        "title": escape(title),
        "version": escape(__version__),
        "subtitle": escape(_subtitle(campaign)),
        "facts": _facts(campaign),
        "findings": _findings(campaign),
        "notes": "".join(f'<p class="note">{escape(note)}</p>' for note in [*notices(campaign), *content.notes]),
        "runs": _runs_section(campaign, content),
        "features": _features_section(campaign, content),
        "quantities": _quantities_section() if has_quantities(campaign) else "",
        "quantitiesLink": '<a href="#quantities">Amounts</a>' if has_quantities(campaign) else "",
        "terms": _terms_section(),
        "ladder": _ladder_section(campaign),
        "provenance": provenance_section(campaign),
        "css": shared_style() + _file_text("page.css"),
        "script": "\n".join(_file_text(name) for name in _SCRIPTS),
        "content": _json(content.document),
        "parts": "".join(_packed_part(name, text) for name, text in content.parts.items()),
    }
    return fill_template(_FOLDER / "page.html", parts)


def _file_text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _json(document: dict[str, Any]) -> str:
    """Return JSON that cannot end its script element, whatever names are in it."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _packed_part(name: str, text: str) -> str:
    return f'<script type="application/octet-stream" id="packed-{name}">{text}</script>\n'


def _subtitle(campaign: CampaignResults) -> str:
    days = sorted(stamp[:10] for stamp in campaign.table("runs")["acquired_at"].to_pylist() if stamp)
    acquired = ""
    if days:
        acquired = f"acquired {days[0]}" if days[0] == days[-1] else f"acquired {days[0]} to {days[-1]}"
    hashed = _config_hash(campaign)
    return ", ".join(filter(None, [acquired, f"spectus {__version__}", f"configuration {hashed}" if hashed else ""]))


def _config_hash(campaign: CampaignResults) -> str:
    """Return the hash of this run of the workflow, or else that of the last stage before the report."""
    now = tables.provenance()[b"spectus_config"].decode()
    return now or campaign.parts["candidates"].metadata.get("spectus_config", "")


def _facts(campaign: CampaignResults) -> str:
    runs = campaign.table("runs")
    failed = sum(status != "ok" for status in runs["status"].to_pylist())
    facts = [
        ("runs", f"{runs.num_rows:,}", f"{failed:,} failed" if failed else ""),
        ("components", f"{campaign.table('components').num_rows:,}", ""),
        ("features", f"{campaign.table('features').num_rows:,}", ""),
        ("candidates", f"{candidate_count(campaign):,}", ""),
    ]
    if found := recovery(campaign):
        facts.append(("simulated compounds found", f"{found.found:,}", f"of {found.known:,}"))
        facts.append(("of them at rank 1", f"{found.first:,}", ""))
    cells = [
        f"<div><dt>{name}</dt><dd>{number}{f' <small>{more}</small>' if more else ''}</dd></div>"
        for name, number, more in facts
    ]
    return f'<dl class="facts">{"".join(cells)}</dl>'


def _findings(campaign: CampaignResults) -> str:
    """Return how many features are identified, tentative and unknown, and by which evidence."""
    counts = Counter(evidence_of_features(campaign))
    if not counts:
        return ""
    findings = Counter(finding_of_features(campaign))
    words = ", ".join(f"<strong>{findings[key]:,}</strong> {escape(text)}" for key, text in FINDINGS.items())
    shown = [(key, text, counts[key]) for key, text in IDENTIFIED_BY.items() if counts[key]]
    bar = "".join(f'<span class="way-{key}" style="flex-grow:{number}"></span>' for key, _, number in shown)
    legend = "".join(f'<li><i class="way-{key}"></i>{number:,} {escape(text)}</li>' for key, text, number in shown)
    return (
        f'<p class="findings">Features: {words}.</p>'
        f'<div class="ways" aria-hidden="true">{bar}</div>'
        f'<ul class="legend" aria-label="Evidence for the features">{legend}</ul>'
    )


def _runs_section(campaign: CampaignResults, content: PageContent) -> str:
    types = campaign.types()
    components = Counter(campaign.table("components")["run"].to_pylist())
    rows = []
    for place, run in enumerate(campaign.table("runs").to_pylist()):
        name = escape(run["run"])
        if content.document["runs"][place]["drawn"]:
            name = f'<label class="show"><input type="checkbox" data-run="{place}">{name}</label>'
        else:
            name = f'<span class="unshown">{name}</span>'
        rows.append(
            [
                name,
                escape(types.get(run["run"], "not in the sheet")),
                escape(run["format"] or ""),
                number_text(run["n_scans"], "{:,}"),
                range_text(run["rt_min_s"], run["rt_max_s"], 60, "{:.2f}"),
                range_text(run["mz_min"], run["mz_max"], 1, "{:.0f}"),
                f"{components[run['run']]:,}" if run["status"] == "ok" else "",
                _run_status(run, content.document["runs"][place]["missing"]),
            ]
        )
    if not rows:
        return '<p class="empty">There is no run.</p>'
    head = ["Run", "Type", "Format", "#Scans", "#Time, min", "#m/z", "#Components", "Status"]
    if not types:
        head, rows = [head[0], *head[2:]], [[row[0], *row[2:]] for row in rows]
    return html_table(head, rows, "scroll tall", "Table of runs")


def _run_status(run: dict[str, Any], missing: str | None) -> str:
    if run["status"] != "ok":
        why = run["error"] or "no reason is recorded"
        return f'<span class="failed">failed</span>: <span class="break">{escape(why)}</span>'
    return "ok" + (f'; no chromatogram: <span class="break">{escape(missing)}</span>' if missing else "")


def _features_section(campaign: CampaignResults, content: PageContent) -> str:
    if not campaign.table("features").num_rows:
        return '<p class="empty">No feature was found, so there is nothing to show here.</p>'
    columns = content.document["features"]
    sources = {source for text in campaign.table("candidates")["source"].drop_null().unique().to_pylist()
               for source in text.split("+")} - {NONE_OF_THESE}  # fmt: skip
    suspects = {name for names in columns["suspects"] if names for name in names.split(", ")}
    verdicts = set(campaign.table("blank_verdicts")["verdict"].drop_null().unique().to_pylist())
    selects = [
        _select("level", "Level", {**FINDINGS, **{level: f"level {level}" for level in LEVELS}}),
        _select("source", "Source", {source: SOURCES.get(source, source) for source in sorted(sources)}),
        _select("suspect", "Suspect list", {"*": "any list", **{name: name for name in sorted(suspects)}})
        if suspects
        else "",
        _select("blank-verdict", "Blanks", {verdict: verdict for verdict in sorted(verdicts)}) if verdicts else "",
        _select("decision", "Decision", {**VERDICTS, "open": "not decided", "comment": "with a comment"}),
    ]
    blanks = "blank" in campaign.types().values()
    box = '<label><input type="checkbox" id="not-in-blank"> not detected in a blank</label>' if blanks else ""
    ranges = "".join(_range(key, name) for key, name in _RANGES.items() if _has_values(columns, key))
    return f"""<div class="controls">
<input type="search" id="q" aria-label="Search all candidates"
 placeholder="Name, formula, CAS, SMILES, InChIKey, feature">
<label>m/z <input type="search" id="mz" placeholder="73 147" aria-label="m/z among the ten most intense peaks"></label>
{"".join(selects)}{box}<button type="button" id="clear">Clear filters</button>
<output id="count" aria-live="polite"></output></div>
<details class="ranges"><summary>Filter by numbers</summary><div class="controls">{ranges}</div></details>
<div class="scroll tall" id="feature-table"></div>
<p class="reading"><span id="extrapolated" hidden>* extrapolated beyond the ladder. </span>
<span class="hover">Keys in the table: \u2191 \u2193 Page Up, Page Down, Home, End. Anywhere: J next, K previous,
A accept, R reject, C comment, / search.</span>
The section <a href="#terms">Terms</a> explains columns, levels and abbreviations.</p>
<div class="controls hover" id="feature-tools"></div>
<article class="detail" id="detail" aria-label="The chosen feature"></article>"""


def _select(name: str, label: str, choices: Mapping[str, str]) -> str:
    options = "".join(f'<option value="{escape(key)}">{escape(words)}</option>' for key, words in choices.items())
    return f'<label>{label} <select id="{name}"><option value="">any</option>{options}</select></label>\n'


def _range(key: str, name: str) -> str:
    return (
        f'<fieldset><legend>{escape(name)}</legend><input type="number" step="any" id="{key}-from" '
        f'aria-label="{escape(name)}, lowest" placeholder="from"> <input type="number" step="any" id="{key}-to" '
        f'aria-label="{escape(name)}, highest" placeholder="to"></fieldset>'
    )


def _has_values(columns: Mapping[str, Sequence[Any]], key: str) -> bool:
    """Tell whether the column that a numeric filter reads has a value; `base` and some others have no such column."""
    return key not in columns or any(value is not None for value in columns[key])


_RANGES = {
    "rt": "RT, min",
    "ri": "RI",
    "base": "Base peak m/z",
    "nominal": "M of the first candidate",
    "snr": "S/N",
    "purity": "Purity, 0 to 1",
    "confidence": "Confidence, 0 to 1",
    "area": "Area",
    "blankRatio": "Blank ratio",
    "probability": "Probability, 0 to 1",
    "runs": "Runs",
}
"""Numeric filters: key and name."""


def _quantities_section() -> str:
    return (
        '<section id="quantities" aria-labelledby="quantities-heading"><h2 id="quantities-heading">Amounts, blanks and '
        'quality control</h2><div id="quantities-body"></div></section>\n'
    )


def _terms_section() -> str:
    terms = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(about)}</dd></div>" for name, about in TERMS.values())
    levels = "".join(
        f'<div><dt><span class="level level-{level}">{level}</span></dt><dd>{escape(about)}</dd></div>'
        for level, about in LEVELS.items()
    )
    return f'<dl class="terms">{terms}</dl><h3>Levels</h3><dl class="terms">{levels}</dl>'


def _ladder_section(campaign: CampaignResults) -> str:
    ladders: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in campaign.table("ri_standards").to_pylist():
        ladders.setdefault((row["run"], row["series"]), []).append(row)
    if not ladders:
        return '<p class="empty">No ladder was found in this campaign, so its features have no retention index.</p>'
    shown = [_one_ladder(place, *key, ri_standards) for place, (key, ri_standards) in enumerate(ladders.items())]
    if len(shown) == 1:
        return shown[0][1]
    return "".join(
        f"<details{' open' if place == 0 else ''}><summary>{head}</summary>{body}</details>"
        for place, (head, body) in enumerate(shown)
    )


def _one_ladder(place: int, run: str, series: str, ri_standards: list[dict[str, Any]]) -> tuple[str, str]:
    """Return a ladder's line of text, and its table beside the place of its figure."""
    missing = [f"C{ri_standard['carbon']}" for ri_standard in ri_standards if ri_standard["missing"]]
    found = len(ri_standards) - len(missing)
    words = f"{_SERIES.get(series, series)}, {found} of {len(ri_standards)} RI standards found"
    said = f"missing: {', '.join(missing)}" if missing else "none missing between the first and the last"
    rows = [
        [
            f"C{ri_standard['carbon']}",
            number_text(ri_standard["ri"], "{:.0f}"),
            '<span class="failed">missing</span>' if ri_standard["missing"] else minutes_text(ri_standard["rt_s"]),
            number_text(ri_standard["component"], "{}"),
            number_text(ri_standard["score"], "{:.2f}"),
        ]
        for ri_standard in ri_standards
    ]
    listing = html_table(
        ["RI standard", "#RI", "#RT, min", "#Component", "#Fit"], rows, "scroll tall", f"RI standards of {run}"
    )
    head = f"{escape(run)}: {escape(words)}"
    body = (
        f"<p>{head}; {escape(said)}.</p>"
        f'<div class="columns"><div class="figure" data-ladder="{place}"></div><div>{listing}'
        '<p class="reading">Fit: how well the spectrum fits the series, 0 to 1.</p></div></div>'
    )
    return head, body
