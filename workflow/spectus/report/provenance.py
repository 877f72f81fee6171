"""The section of the page on provenance: raw files, libraries, models, tables, software, settings."""

from collections.abc import Iterable, Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version

from spectus import __version__
from spectus.report.campaign import CampaignResults
from spectus.report.markup import html_table

_PACKAGES = ("numpy", "pandas", "pyarrow", "scipy", "pyopenms", "rdkit", "torch", "transformers")
"""Packages whose versions can change results."""


def provenance_section(campaign: CampaignResults) -> str:
    """Return the section as HTML."""
    return "".join(
        [
            "<h3>Raw files</h3>",
            _raw_files(campaign),
            "<h3>Libraries and models</h3>",
            _libraries_and_models(campaign),
            "<h3>Tables</h3>",
            "<p>The folder dataset/ has one Parquet file per table, with everything on this page and more. Times are "
            "in seconds. The file dataset/dataset.json explains each column. Read a table for example with "
            "<code>pandas.read_parquet(&quot;dataset/candidates.parquet&quot;)</code>.</p>",
            _dataset(campaign),
            "<h3>Software</h3>",
            f"<p>{escape(', '.join([f'spectus {__version__}', *_versions()]))}</p>",
            "<h3>Settings</h3>",
            f'<pre tabindex="0" role="region" aria-label="Settings"><code>{escape(campaign.settings)}</code></pre>'
            if campaign.settings is not None
            else '<p class="empty">No configuration was given to the report.</p>',
        ]
    )


def _raw_files(campaign: CampaignResults) -> str:
    rows = [
        [
            escape(run["run"]),
            f'<span class="break">{escape(run["path"])}</span>',
            escape(run["instrument"] or ""),
            escape((run["acquired_at"] or "").replace("T", " ")),
            f'<code class="hash break">{escape(run["sha256"] or "")}</code>',
        ]
        for run in campaign.table("runs").to_pylist()
    ]
    return html_table(["Run", "File", "Instrument", "Acquired", "SHA-256"], rows, "scroll tall", "Raw files")


def _libraries_and_models(campaign: CampaignResults) -> str:
    rows = [
        [
            escape(library.name),
            "library",
            f"{library.records:,} records",
            f'<code class="hash break">{library.sha256}</code>',
        ]
        for library in campaign.libraries
    ]
    denovo_candidates = campaign.table("denovo_candidates")
    queries: dict[str, set[str]] = {}
    for query, model in zip(
        denovo_candidates["query"].to_pylist(), denovo_candidates["model"].to_pylist(), strict=True
    ):
        if model:
            queries.setdefault(model, set()).add(query)
    weights = campaign.parts["denovo_candidates"].metadata.get("model_sha256", "")
    rows += [
        [
            escape(model),
            "model",
            f"de novo candidates of {len(asked):,} features",
            f'<code class="hash break">{escape(weights)}</code>',
        ]
        for model, asked in queries.items()
    ]
    if not rows:
        return '<p class="empty">The report was given no library, and there are no de novo candidates.</p>'
    return html_table(["Name", "Kind", "Used", "SHA-256"], rows, "scroll", "Libraries and models")


def _dataset(campaign: CampaignResults) -> str:
    first: dict[str, str] = {}  # a table for each note, which other tables of the same stage repeat
    notes = {name: _stage_notes(part.metadata) for name, part in campaign.parts.items() if part.files}
    for name, note in notes.items():
        first.setdefault(note, name)
    shown = {name: f"as {first[note]}" if note and first[note] != name else note for name, note in notes.items()}
    rows = [
        [
            f"{name}.parquet",
            f"{part.rows.num_rows:,}",
            escape(part.metadata.get("spectus_version", "")),
            f'<code class="hash">{escape(part.metadata.get("spectus_config", ""))}</code>',
            f'<span class="break">{escape(shown[name])}</span>',
        ]
        for name, part in campaign.parts.items()
        if part.files
    ]
    head = ["File", "#Rows", "spectus", "Configuration", "What its stage recorded"]
    return html_table(head, rows, "scroll", "Tables of the data set")


def _stage_notes(metadata: Mapping[str, str]) -> str:
    """Return what a stage wrote into its tables besides the version and the hash of the configuration."""
    return ", ".join(f"{key} {text}" for key, text in metadata.items() if not key.startswith("spectus_"))


def _versions() -> Iterable[str]:
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
