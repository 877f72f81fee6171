"""Generate the parts of the documentation that repeat what the code says.

A page holds generated blocks between two comments:

    <!-- generated: NAME -->
    <!-- end of generated: NAME -->

Everything else on the page is written by hand. Run this script after a change of a command, a setting, a table or
.importlinter; tests/docs compares the pages with the code.

    python docs/generate.py            # write the pages
    python docs/generate.py --check    # exit with 1 if a page is out of date
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT / "workflow"))

from spectus import configuration, tables  # noqa: E402
from spectus.cli import build_parser  # noqa: E402

TABLES = {
    "RUNS": ("runs", "One row per raw run, written by `spectus convert`."),
    "COMPONENTS": (
        "components",
        "One row per component of a run: a deconvoluted spectrum with its elution profile. Written by "
        "`spectus deconvolve`; `spectus calibrate` adds the retention index.",
    ),
    "RI_STANDARDS": (
        "ri_standards",
        "One row per compound of a retention ladder, found or missing. Written by `spectus calibrate`.",
    ),
    "FEATURES": (
        "features",
        "One row per feature: the components of all runs that are one compound. Written by `spectus align`.",
    ),
    "PEAK_AREAS": ("peak_areas", "One row per feature and run. Written by `spectus align`."),
    "LIBRARY_HITS": ("library_hits", "The best library records of each query. Written by `spectus search`."),
    "DENOVO_CANDIDATES": (
        "denovo_candidates",
        "Structures that a de novo model proposes for each query. Written by `spectus denovo`.",
    ),
    "CANDIDATES": (
        "candidates",
        "The ranked list of candidates of each query, from all sources. Written by `spectus identify`.",
    ),
    "SPECTRA": (
        "spectra",
        "One row per record of a spectral library, measured or predicted. Written by `spectus library` and "
        "`spectus predict`.",
    ),
    "AMOUNTS": ("amounts", "One row per compound and run. Written by `spectus quantify`."),
    "CALIBRATION_CURVES": ("calibration_curves", "One row per compound and batch. Written by `spectus quantify`."),
    "CALIBRATION_POINTS": (
        "calibration_points",
        "One row per compound and calibrator or QC sample. Written by `spectus quantify`.",
    ),
    "BLANK_VERDICTS": ("blank_verdicts", "One row per feature and group of blanks. Written by `spectus quantify`."),
    "CORRECTED_AREAS": ("corrected_areas", "One row per feature and run. Written by `spectus quantify`."),
    "QC_RUNS": ("qc_runs", "One row per run. Written by `spectus quantify`."),
    "QC_FEATURES": ("qc_features", "One row per feature. Written by `spectus quantify`."),
    "EVALUATIONS": ("evaluations", "One row per query and method. Written by `spectus evaluate --details`."),
    "GROUND_TRUTH": ("ground_truth", "One row per compound and simulated run. Written by `spectus simulate`."),
}
"""Name and content of each schema of `spectus.tables`, in the order of the page."""

ROOMS = {
    "__main__": "python -m spectus",
    "cli": "command line, one file per command",
    "serve": "HTTP service and web page",
    "report": "data set and HTML report",
    "export": "CSV, XLSX, MSP, MGF, SDF, mzTab-M",
    "web": "styles and structure drawings",
    "evaluation": "scores of models and searches",
    "simulation": "runs with a known ground truth",
    "identify": "search, candidates, levels",
    "rerank": "(spectrum, candidate) pairs to scores",
    "model": "alias of denovo for old imports",
    "denovo": "spectrum to structure: SpecTUS",
    "prediction": "structure to spectrum: NEIMS, RASSP",
    "learning": "training loop, settings, weights",
    "alignment": "components of all runs to features",
    "quantitation": "blanks, QC, calibration curves",
    "retention": "RI standards, retention indices",
    "deconvolution": "runs to components",
    "molecules": "molecule lists, derivatives, exclusions",
    "library": "spectral libraries, similarity",
    "plan": "jobs of a campaign and their inputs",
    "raw": "readers of raw runs, mzML writer",
    "configuration": "checked settings",
    "slurm": "repairs of the SLURM executor plugin",
    "campaign_folder": "folder of a new campaign",
    "samples": "sample sheet",
    "tables": "schema of every table",
    "structures": "canonical SMILES, InChIKey",
    "nominal_mass": "nominal m/z",
    "gaussian": "numbers of a Gaussian peak",
    "arrays": "Arrow arrays",
    "files": "atomic writing",
    "errors": "InputError",
    "types": "array types",
    "api": "Python interface",
}
"""What each room of the package holds, for the drawing."""

_BLOCK = "<!-- generated: {0} -->\n{1}\n<!-- end of generated: {0} -->"
_TYPES = {"string": "text", "double": "float64", "float": "float32"}


def command_pages() -> str:
    """Write a section for each command, from the argument parser."""
    parser = build_parser(every=True)
    return "\n\n".join(section for section in _command_sections(parser, "spectus", 2))


def _command_sections(parser: argparse.ArgumentParser, name: str, depth: int) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield _command_section(below, f"{name} {word}", depth)
                yield from _command_sections(below, f"{name} {word}", depth + 1)


def _command_section(parser: argparse.ArgumentParser, name: str, depth: int) -> str:
    parts = [f"{'#' * depth} {name}", parser.description or ""]
    if parser.epilog and "\n" in parser.epilog:
        example = parser.epilog.split("\n", 1)[1]
        parts.append("```bash\n" + "\n".join(line.strip() for line in example.splitlines()) + "\n```")
    rows = [
        (f"`{_argument(action)}`", "required" if _required(action) else "", _meaning(action))
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        and not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]
    if rows:
        parts.append(_markdown_table(("argument", "", "meaning"), rows))
    return "\n\n".join(parts)


def _required(action: argparse.Action) -> bool:
    return action.required and bool(action.option_strings)


def _argument(action: argparse.Action) -> str:
    """Write the argument as one types it: `--out PARQUET`, `RUN ...`."""
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper().replace("_", "-")
    )
    several = " ..." if action.nargs in ("+", "*") else ""
    return f"{', '.join(action.option_strings)} {value}{several}".strip()


def _meaning(action: argparse.Action) -> str:
    return (action.help or "") % {"default": action.default, "prog": "spectus"}


def setting_pages() -> str:
    """Write a table of the keys for each section, from the schema of the configuration."""
    schema = yaml.safe_load(configuration.SCHEMA.read_text(encoding="utf-8"))
    top = {key: rule for key, rule in schema["properties"].items() if "properties" not in rule}
    parts = ["### Campaign", _setting_table("", top)]
    for section, rule in schema["properties"].items():
        if "properties" in rule:
            parts += [f"### {section}", rule.get("description", ""), _setting_table(f"{section}.", rule["properties"])]
    return "\n\n".join(part for part in parts if part)


def _setting_table(above: str, rules: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (
            f"`{above}{key}`",
            f"`{json.dumps(rule['default'], ensure_ascii=False)}`",
            _values(rule),
            rule.get("description", ""),
            rule.get("x-reruns", ""),
        )
        for key, rule in rules.items()
    ]
    return _markdown_table(("key", "default", "value", "meaning", "runs again"), rows)


def _values(rule: Mapping[str, Any]) -> str:
    """Write the values that a key takes: its choices, or its unit, and its limits."""
    inner = rule.get("items", {})
    if choices := rule.get("enum") or inner.get("enum"):
        return ("list of " if inner else "") + ", ".join(f"`{_yaml_word(choice)}`" for choice in choices)
    if rule.get("type") == "boolean":
        return "`true`, `false`"
    limits = [
        f"{sign} {rule[name]}"
        for name, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
        if name in rule and not (name == "minimum" and rule[name] == 0 and "maximum" in rule)
    ]
    if rule.get("minimum") == 0 and rule.get("maximum") == 1:
        limits = ["0 to 1"]
    return ", ".join([*([rule["x-unit"]] if "x-unit" in rule else []), *limits])


def _yaml_word(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value


def sheet_pages() -> str:
    """Write a table of the columns of the sample sheet, from its schema."""
    schema = yaml.safe_load(configuration.SCHEMA.with_name("samples.schema.yaml").read_text(encoding="utf-8"))
    rows = [
        (f"`{column}`", "required" if column in schema["required"] else "", rule.get("description", ""))
        for column, rule in schema["properties"].items()
    ]
    return _markdown_table(("column", "", "meaning"), rows)


def resource_pages() -> str:
    """Write what the first attempt of a job of each rule requests, from workflow/rules."""
    rows = []
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for name, body in re.findall(
            r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            memory = re.search(r"mem_mb=memory\((\d+)(?:, times_input=(\d+))?\)", body)
            minutes = re.search(r"runtime=(?:minutes\()?(\d+)", body)
            threads = re.search(r"^    threads: (\d+)", body, re.MULTILINE)
            if memory and minutes:
                least = f"{int(memory[1]) / 1000:g} GB" + (
                    f", or {memory[2]} × input if that is more" if memory[2] else ""
                )
                rows.append((f"`{name}`", least, f"{int(minutes[1]) / 60:g} h", threads[1] if threads else "1"))
    return _markdown_table(("rule", "memory", "time", "threads"), rows)


def schemas() -> dict[str, pa.Schema]:
    """Find every table schema of `spectus.tables` by its name."""
    return {name: value for name, value in vars(tables).items() if isinstance(value, pa.Schema) and name[0] != "_"}


def table_pages() -> str:
    """Write a table of the columns for each schema."""
    parts = []
    for constant in [*TABLES, *(name for name in schemas() if name not in TABLES)]:
        schema = schemas().get(constant)
        if schema is None:
            continue
        name, content = TABLES.get(constant, (constant.lower(), ""))
        rows = [
            (f"`{field.name}`", _type(field.type), "" if field.nullable else "never null", _about(field))
            for field in schema
        ]
        parts += [f"### {name}", content, _markdown_table(("column", "type", "", "meaning"), rows)]
    return "\n\n".join(part for part in parts if part)


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    return _TYPES.get(str(kind), str(kind))


def _about(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"about", b"").decode())


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def layers() -> list[list[str]]:
    """Read the rooms of the package from .importlinter, the highest layer first."""
    text = (ROOT / ".importlinter").read_text(encoding="utf-8")
    block = re.search(r"^layers =\n((?: +\S.*\n?)+)", text, re.MULTILINE)
    if block is None:
        raise ValueError(".importlinter has no layers")
    return [
        [room.strip().removeprefix("spectus.").strip("()") for room in re.split(r"[|:]", line)]
        for line in block[1].splitlines()
    ]


def room_drawing() -> str:
    """Draw the rooms as an SVG: one row per layer, which may import only the rows below it."""
    width, row, gap = 760, 34, 8
    rows = layers()
    height = len(rows) * (row + gap) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>The rooms of the package; each imports only rooms below it</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<path d="M22 14 V{height - 26}" stroke="#00796b" stroke-width="2"/>',
        f'<path d="M16 {height - 36} L22 {height - 22} L28 {height - 36} Z" fill="#00796b"/>',
        f'<text x="40" y="{height - 14}" fill="#00796b">imports go down only</text>',
    ]
    for index, rooms in enumerate(rows):
        top = 10 + index * (row + gap)
        share = (width - 50) / len(rooms)
        for place, room in enumerate(rooms):
            left = 40 + place * share
            # Of several rooms in a row, each has its text below its name.
            name_top, place_of_text = (
                (top + 22, 'dx="8"') if len(rooms) == 1 else (top + 15, f'x="{left + 10:.0f}" dy="14"')
            )
            parts += [
                f'<rect x="{left:.0f}" y="{top}" width="{share - 6:.0f}" height="{row}" rx="4" fill="#e0f2f1" '
                'stroke="#00796b"/>',
                f'<text x="{left + 10:.0f}" y="{name_top}"><tspan font-weight="bold">{escape(room)}</tspan>'
                f'<tspan {place_of_text} fill="#455a64" font-size="{13 if len(rooms) == 1 else 11}">'
                f"{escape(ROOMS.get(room, ''))}</tspan></text>",
            ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def rule_edges() -> list[tuple[str, str]]:
    """Read which rule feeds which from the output of Snakemake in a comment of the page on the architecture."""
    page = (DOCS / "develop" / "architecture.md").read_text(encoding="utf-8")
    graph = page.partition("```mermaid\n")[2].partition("```")[0]
    name = dict(re.findall(r"(id\d+)\[(\w+)\]", graph))
    return [(name[one], name[other]) for one, other in re.findall(r"(id\d+) --> (id\d+)", graph)]


def rule_drawing() -> str:
    """Draw the rules as an SVG: one row per step, without arrows that follow from others."""
    edges = rule_edges()
    following = {rule: {after for before, after in edges if before == rule} for edge in edges for rule in edge}

    def reached(rule: str) -> set[str]:
        return following[rule].union(*(reached(after) for after in following[rule]))

    def steps_to_end(rule: str) -> int:
        return max((steps_to_end(after) + 1 for after in following[rule]), default=0)

    shown = [
        (before, after)
        for before, after in edges
        if not any(after in reached(between) for between in following[before] - {after})
    ]
    last = max(map(steps_to_end, following))
    rows = [sorted(rule for rule in following if steps_to_end(rule) == last - row) for row in range(last + 1)]
    width, box, row_height = 600, 150, 62
    place = {
        rule: (width * (2 * index + 1) // (2 * len(rules)), 30 + row * row_height)
        for row, rules in enumerate(rows)
        for index, rule in enumerate(rules)
    }
    height = 60 + last * row_height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>The rules of the workflow, from raw runs to the report</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 Z" fill="#00796b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for before, after in shown:
        (x1, y1), (x2, y2) = place[before], place[after]
        parts.append(
            f'<path d="M{x1} {y1 + 15} L{x2} {y2 - 16}" stroke="#00796b" fill="none" marker-end="url(#arrow)"/>'
        )
    for rule, (x, y) in place.items():
        parts += [
            f'<rect x="{x - box // 2}" y="{y - 15}" width="{box}" height="30" rx="4" fill="#e0f2f1" stroke="#00796b"/>',
            f'<text x="{x}" y="{y + 5}" text-anchor="middle">{escape(rule)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "sheet": ("reference/configuration.md", sheet_pages),
    "resources": ("cluster.md", resource_pages),
    "settings": ("reference/configuration.md", setting_pages),
    "tables": ("reference/tables.md", table_pages),
    "commands": ("reference/commands.md", command_pages),
}
"""Page and content of each generated block."""


def generated() -> dict[Path, str]:
    """Generate every page and drawing.

    Returns
    -------
    dict of Path to str
        The text that each file should have.
    """
    files = {DOCS / "images" / "rooms.svg": room_drawing(), DOCS / "images" / "rules.svg": rule_drawing()}
    for name, (page, content) in BLOCKS.items():
        path = DOCS / page
        text = files.get(path) or path.read_text(encoding="utf-8")
        begin, end = _BLOCK.format(name, "\0").split("\n\0\n")
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{page} lacks the block {begin} ... {end}")
        files[path] = before + _BLOCK.format(name, content()) + after
    return files


def main() -> int:
    """Write the files that changed, or with `--check` name those that are out of date."""
    parser = argparse.ArgumentParser(description="Generate the parts of the documentation that repeat the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is out of date")
    check = parser.parse_args().check
    stale = [
        path for path, text in generated().items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date; run python docs/generate.py' if check else 'written'}")
        if not check:
            path.write_text(generated()[path], encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
