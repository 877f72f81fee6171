"""The drawing of the rules in the documentation is made from the workflow's own graph."""

import re

from .campaigns import ROOT, Campaign


def test_the_diagram_is_what_snakemake_draws(campaign: Campaign) -> None:
    page = (ROOT / "docs" / "develop" / "architecture.md").read_text(encoding="utf-8")
    shown = re.search(r"```mermaid\n(.*?)```", page, re.DOTALL)
    assert shown, (
        "put the output of `snakemake --rulegraph mermaid-js` into the comment of docs/develop/architecture.md"
    )
    drawn = campaign.snakemake("--rulegraph", "mermaid-js").stdout
    assert edges(shown[1]) == edges(drawn)
    assert len(edges(drawn)) > 10


def edges(diagram: str) -> set[tuple[str, str]]:
    """Which rule feeds which, by name."""
    name = dict(re.findall(r"(id\d+)\[(\w+)\]", diagram))
    return {(name[one], name[other]) for one, other in re.findall(r"(id\d+) --> (id\d+)", diagram)}
