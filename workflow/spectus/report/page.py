"""The page: one HTML file with its tables, its styles, its script and the data it draws.

What can be read without choosing anything (runs, ladder, provenance) is HTML; the features and the figures are drawn
by page.js from the JSON document of `spectus.report.content`.
"""

import json
import re
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from spectus import __version__, tables
from spectus.report.campaign import IDENTIFIED_BY, Campaign, identified_by, recovery
from spectus.report.content import content
from spectus.report.markup import count, listed, minutes, number, span, table
from spectus.report.provenance import provenance

_FOLDER = Path(__file__).parent
_SCRIPTS = ("elements.js", "chromatograms.js", "features.js", "feature.js", "spectra.js", "page.js")
_SERIES = {"alkane": "n-alkanes", "fame": "fatty acid methyl esters"}


def render(campaign: Campaign, title: str) -> str:
    """The page as HTML. Nothing in it depends on when or where it is made."""
    document, notes = content(campaign)
    parts = {
        "title": escape(title),
        "version": escape(__version__),
        "subtitle": escape(_subtitle(campaign)),
        "facts": _facts(campaign),
        "identified": _identified(campaign),
        "notes": "".join(f'<p class="note">{escape(note)}</p>' for note in [*_problems(campaign), *notes]),
        "runs": _runs(campaign, document),
        "features": _features(campaign),
        "ladder": _ladder(campaign),
        "provenance": provenance(campaign),
        "css": _template("page.css"),
        "script": "\n".join(_template(name) for name in _SCRIPTS),
        "content": _json(document),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _template("page.html"))


def _template(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _json(document: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in, whatever names are in it."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _subtitle(campaign: Campaign) -> str:
    days = sorted(stamp[:10] for stamp in campaign.table("runs")["acquired_at"].to_pylist() if stamp)
    acquired = ""
    if days:
        acquired = f"acquired {days[0]}" if days[0] == days[-1] else f"acquired {days[0]} to {days[-1]}"
    hashed = _config_hash(campaign)
    return ", ".join(filter(None, [acquired, f"spectus {__version__}", f"configuration {hashed}" if hashed else ""]))


def _config_hash(campaign: Campaign) -> str:
    """Of this run of the workflow; without one, of the last stage before the report."""
    now = tables.provenance()[b"spectus_config"].decode()
    return now or campaign.parts["candidates"].metadata.get("spectus_config", "")


def _facts(campaign: Campaign) -> str:
    runs = campaign.table("runs")
    failed = sum(status != "ok" for status in runs["status"].to_pylist())
    candidates = campaign.table("candidates")
    facts = [
        ("runs", f"{runs.num_rows:,}", f"{failed:,} failed" if failed else ""),
        ("components", f"{campaign.table('components').num_rows:,}", ""),
        ("features", f"{campaign.table('features').num_rows:,}", ""),
        ("candidates", f"{candidates.num_rows - candidates['source'].null_count:,}", ""),
    ]
    if found := recovery(campaign):
        facts.append(("simulated compounds found", f"{found.found:,}", f"of {found.known:,}"))
        facts.append(("of them at rank 1", f"{found.first:,}", ""))
    cells = [
        f"<div><dt>{name}</dt><dd>{number}{f' <small>{more}</small>' if more else ''}</dd></div>"
        for name, number, more in facts
    ]
    return f'<dl class="facts">{"".join(cells)}</dl>'


def _identified(campaign: Campaign) -> str:
    counts = Counter(identified_by(campaign))
    if not counts:
        return ""
    shown = [(way, words, counts[way]) for way, words in IDENTIFIED_BY.items() if counts[way]]
    bar = "".join(f'<span class="way-{way}" style="flex-grow:{number}"></span>' for way, _, number in shown)
    legend = "".join(f'<li><i class="way-{way}"></i>{number:,} {escape(words)}</li>' for way, words, number in shown)
    return (
        f'<div class="ways" aria-hidden="true">{bar}</div>'
        f'<ul class="legend" aria-label="How the features were identified">{legend}</ul>'
    )


def _problems(campaign: Campaign) -> list[str]:
    """What a reader should know before the results."""
    runs = campaign.table("runs")
    names = runs["run"].to_pylist()
    failed = [name for name, status in zip(names, runs["status"].to_pylist(), strict=True) if status != "ok"]
    absent = [sample.run for sample in campaign.samples if sample.run not in set(names)]
    problems = []
    if campaign.ground_truth is not None:
        problems.append(
            "These runs are simulated, so it is known what they hold. How many compounds were found says nothing about "
            "real samples, least of all where the library holds the very spectra that the runs were made of."
        )
    if failed:
        problems.append(f"{count(failed, 'run')} could not be used: {listed(failed)}. The table of runs says why.")
    if absent:
        problems.append(f"{count(absent, 'run')} of the sample sheet, but in none of the tables: {listed(absent)}.")
    if not campaign.table("ri_standards").num_rows:
        problems.append("No ladder was found, so there are no retention indices and no identification at level 2a.")
    if not campaign.table("features").num_rows:
        problems.append("No feature was found in any run.")
    return problems


def _runs(campaign: Campaign, document: dict[str, Any]) -> str:
    types = campaign.types()
    components = Counter(campaign.table("components")["run"].to_pylist())
    rows = []
    for place, run in enumerate(campaign.table("runs").to_pylist()):
        name = escape(run["run"])
        if "y" in document["runs"][place].get("tic", {}):
            name = f'<label class="show"><input type="checkbox" data-run="{place}">{name}</label>'
        else:
            name = f'<span class="unshown">{name}</span>'
        rows.append(
            [
                name,
                escape(types.get(run["run"], "not in the sheet")),
                escape(run["format"] or ""),
                number(run["n_scans"], "{:,}"),
                span(run["rt_min_s"], run["rt_max_s"], 60, "{:.2f}"),
                span(run["mz_min"], run["mz_max"], 1, "{:.0f}"),
                f"{components[run['run']]:,}" if run["status"] == "ok" else "",
                _status(run, document["runs"][place].get("tic", {}).get("missing")),
            ]
        )
    if not rows:
        return '<p class="empty">There is no run.</p>'
    head = ["Run", "Type", "Format", "#Scans", "#Time, min", "#m/z", "#Components", "Status"]
    if not types:
        head, rows = [head[0], *head[2:]], [[row[0], *row[2:]] for row in rows]
    return table(head, rows, "scroll tall", "Runs")


def _status(run: dict[str, Any], missing: str | None) -> str:
    if run["status"] != "ok":
        why = run["error"] or "no reason was recorded"
        return f'<span class="failed">failed</span>: <span class="break">{escape(why)}</span>'
    return "ok" + (f'; no chromatogram: <span class="break">{escape(missing)}</span>' if missing else "")


def _features(campaign: Campaign) -> str:
    if not campaign.table("features").num_rows:
        return '<p class="empty">No feature was found, so there is nothing to show here.</p>'
    ways = "".join(f'<option value="{way}">{escape(words)}</option>' for way, words in IDENTIFIED_BY.items())
    blanks = "blank" in campaign.types().values()
    box = '<label><input type="checkbox" id="not-in-blank"> not seen in a blank</label>' if blanks else ""
    return f"""<div class="controls">
<input type="search" id="filter" placeholder="Name, formula, SMILES, feature" aria-label="Words to look for">
<label>Identified by <select id="way"><option value="">any of these</option>{ways}</select></label>
{box}<output id="count" aria-live="polite"></output></div>
<div class="scroll tall" id="feature-table"></div>
<article class="detail" id="detail" aria-label="The chosen feature"></article>"""


def _ladder(campaign: Campaign) -> str:
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
    """A ladder's one line and its table beside the place of its figure."""
    missing = [f"C{ri_standard['carbon']}" for ri_standard in ri_standards if ri_standard["missing"]]
    found = len(ri_standards) - len(missing)
    words = f"{_SERIES.get(series, series)}, {found} of {len(ri_standards)} RI standards found"
    said = f"missing: {', '.join(missing)}" if missing else "none missing between the first and the last"
    rows = [
        [
            f"C{ri_standard['carbon']}",
            number(ri_standard["ri"], "{:.0f}"),
            '<span class="failed">missing</span>' if ri_standard["missing"] else minutes(ri_standard["rt_s"]),
            number(ri_standard["component"], "{}"),
            number(ri_standard["score"], "{:.2f}"),
        ]
        for ri_standard in ri_standards
    ]
    listing = table(
        ["RiStandard", "#RI", "#RT, min", "#Component", "#Fit"], rows, "scroll tall", f"RI standards of {run}"
    )
    head = f"{escape(run)}: {escape(words)}"
    body = (
        f"<p>{head}; {escape(said)}.</p>"
        f'<div class="columns"><div class="figure" data-ladder="{place}"></div>{listing}</div>'
    )
    return head, body
