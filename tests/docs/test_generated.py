"""The generated parts of the documentation say what the code says."""

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from spectus import configuration, samples
from spectus.cli import build_parser, renamed

from .pages import DOCS, ROOT


def test_every_generated_page_is_current(generate: ModuleType) -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in generate.generated().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, f"run `python docs/generate.py`, which writes {', '.join(stale)} anew"


def test_a_stale_page_is_noticed_and_written(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- generated: x -->\nold\n<!-- end of generated: x -->\nAfter.\n", encoding="utf-8")
    (tmp_path / "images").mkdir()
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr(generate, "rule_drawing", lambda: "<svg/>")
    monkeypatch.setattr(generate, "BLOCKS", {"x": ("page.md", lambda: "new")})
    assert generate.generated()[page].splitlines() == [
        "Before.", "<!-- generated: x -->", "new", "<!-- end of generated: x -->", "After.",
    ]  # fmt: skip


def options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Each command and each of its options."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from options(below)
        else:
            for option in action.option_strings:
                yield parser.prog, option


def test_every_option_of_every_command_is_on_the_page() -> None:
    page = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^#+ (spectus [\w ]+)\n(.*?)(?=^#+ |\Z)", page, re.MULTILINE | re.DOTALL))
    found = [(prog, option) for prog, option in options(build_parser(every=True)) if prog != "spectus"]
    assert len(found) > 100
    missing = [
        f"{prog} {option}"
        for prog, option in found
        if option not in ("-h", "--help") and not re.search(rf"`[^`]*{option}\b", sections[prog])
    ]
    assert not missing


def test_every_column_is_on_the_page_with_its_meaning(generate: ModuleType) -> None:
    assert set(generate.schemas()) == set(generate.TABLES), "name every table in TABLES of docs/generate.py"
    page = (DOCS / "reference" / "tables.md").read_text(encoding="utf-8")
    for constant, schema in generate.schemas().items():
        section = page.partition(f"\n### {generate.TABLES[constant][0]}\n")[2].partition("\n### ")[0]
        for field in schema:
            meaning = re.search(rf"^\| `{field.name}` \| [^|]+ \| [^|]* \| ([^|]*)", section, re.MULTILINE)
            assert meaning, f"{constant}.{field.name}"
            assert meaning[1].strip(), f"{constant}.{field.name} needs a meaning in spectus.tables"


def leaves(schema: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each key of the configuration and its rule."""
    for key, rule in schema["properties"].items():
        if "properties" in rule:
            yield from leaves(rule, f"{above}{key}.")
        else:
            yield f"{above}{key}", rule


def test_every_setting_is_on_the_page_with_default_and_meaning() -> None:
    schema = yaml.safe_load(configuration.SCHEMA.read_text(encoding="utf-8"))
    page = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \| [^|]* \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    told = {key: (yaml.safe_load(default), meaning, again) for key, default, meaning, again in rows}
    assert {key: default for key, (default, _, _) in told.items()} == {
        key: rule["default"] for key, rule in leaves(schema)
    }
    assert all(meaning.strip() and again.strip() for _, meaning, again in told.values())


def test_every_room_is_in_the_drawing(generate: ModuleType) -> None:
    rooms = [room for row in generate.layers() for room in row]
    assert len(rooms) > 20
    assert set(rooms) <= set(generate.ROOMS), "describe every room in ROOMS of docs/generate.py"
    drawing = (DOCS / "images" / "rooms.svg").read_text(encoding="utf-8")
    assert re.findall(r'font-weight="bold">(\w+)<', drawing) == rooms


def test_every_old_name_of_the_command_line_is_in_the_migration_table() -> None:
    page = (DOCS / "migration.md").read_text(encoding="utf-8")
    for old, new in renamed.COMMANDS.items():
        assert f"| `spectus {old}` | `spectus {new}` |" in page
    for command, names in renamed.OPTIONS.items():
        for old, new in names.items():
            assert re.search(rf"^\| `{command}` \| `{old}( TABLE)?` \| `{new or 'TABLE'}`", page, re.MULTILINE), old


def test_every_old_setting_and_sheet_type_is_in_the_migration_table() -> None:
    page = (DOCS / "migration.md").read_text(encoding="utf-8")
    for old, new in {**configuration.SECTIONS, **configuration.KEYS}.items():
        assert re.search(rf"^\| `{old}`[^|]* \| `{new}`", page, re.MULTILINE), old
    for old, new in samples.TYPES.items():
        assert f"| `{old}` | `{new}` |" in page
