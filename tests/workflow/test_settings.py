"""The configuration file, its schema and the commands say the same. tests/docs compares the page."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from spectus import cli, configuration

from .campaigns import ROOT

SCHEMA = yaml.safe_load(configuration.SCHEMA.read_text(encoding="utf-8"))
# These say which campaign it is, so config.yaml has the example's.
OF_THE_EXAMPLE = {"predict.molecules", "report.title", "report.ground_truth", "search.exclude"}


def leaves(schema: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, rule in schema["properties"].items():
        if "properties" in rule:
            yield from leaves(rule, f"{above}{key}.")
        else:
            yield f"{above}{key}", rule


def test_the_schema_is_strict_everywhere_and_every_key_has_a_default() -> None:
    sections = [SCHEMA, *(rule for rule in SCHEMA["properties"].values() if "properties" in rule)]
    assert len(sections) == 13
    assert all(section["additionalProperties"] is False for section in sections)
    assert all("default" in rule for _, rule in leaves(SCHEMA))


def test_the_configuration_file_holds_every_key_with_its_default() -> None:
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    for key, rule in leaves(SCHEMA):
        value: Any = config
        for part in key.split("."):
            value = value[part]
        assert value == rule["default"] or key in OF_THE_EXAMPLE, key


COMMANDS = {
    "deconvolve": ["x", "--out", "x"],
    "calibrate": ["x", "--samples", "x", "--out", "x", "--ri-standards", "x"],
    "align": ["x", "--out", "x", "--peak-areas", "x"],
    "quantify": ["x", "x", "--samples", "x", "--out", "x"],
    "search": ["x", "--library", "x", "--out", "x"],
    "molecules": ["--out", "x"],
    "denovo": ["x", "--out", "x"],
    "identify": ["x", "--hits", "x", "--denovo", "x", "--out", "x"],
}


@pytest.mark.parametrize("stage", COMMANDS)
def test_a_command_alone_does_what_the_campaign_does(stage: str) -> None:
    options = vars(cli.build_parser([stage]).parse_args([stage, *COMMANDS[stage]]))
    for key, rule in SCHEMA["properties"][stage]["properties"].items():
        assert options[key] == rule["default"] or (rule["default"] is None and not options[key]), key
