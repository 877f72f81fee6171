"""The diagram in the README is the workflow's own."""

import re

from .campaigns import ROOT, Campaign


def test_the_diagram_is_what_snakemake_draws(campaign: Campaign) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```mermaid\n(.*?)```", readme, re.DOTALL)
    assert shown, "put the output of `snakemake --rulegraph mermaid-js` into README.md, between ```mermaid and ```"
    drawn = campaign.snakemake("--rulegraph", "mermaid-js").stdout
    assert edges(shown[1]) == edges(drawn)
    assert len(edges(drawn)) > 10


def edges(diagram: str) -> set[tuple[str, str]]:
    """Which rule feeds which, by name."""
    name = dict(re.findall(r"(id\d+)\[(\w+)\]", diagram))
    return {(name[one], name[other]) for one, other in re.findall(r"(id\d+) --> (id\d+)", diagram)}
