"""The pages name files, modules, options and settings that exist."""

import importlib.util
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from spectus import configuration
from spectus.cli import build_parser

from .pages import DOCS, HISTORY, PAGES, ROOT, blocks, command_lines, name, prose

_PATH = re.compile(r"^(?:workflow|tests|benchmarks|config|resources|profiles|docs|envs|notebooks|scripts)/[\w./-]*$")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name)
def test_relative_links_lead_to_files_and_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)\s]*)\)", prose(page))
    for link in links:
        target, _, heading = link.partition("#")
        file = (page.parent / unquote(target)).resolve() if target else page
        assert file.exists(), link
        if heading and file.suffix == ".md":
            assert heading in headings(file), link


def headings(page: Path) -> set[str]:
    """Anchors of the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title).lower()).replace(" ", "-") for title in titles
    }


@pytest.mark.parametrize("page", [page for page in PAGES if page not in HISTORY], ids=name)
def test_files_and_modules_in_code_style_exist(page: Path) -> None:
    for code in re.findall(r"`([^`\n]+)`", prose(page)):
        if _PATH.match(code) and not re.search(r"NAME|FORMAT|\.\.\.", code):
            assert (ROOT / code).exists(), code
        if re.fullmatch(r"spectus(\.\w+)+", code):
            assert exists(code), code


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or a name in a module."""
    try:
        if importlib.util.find_spec(dotted):
            return True
    except ModuleNotFoundError:
        pass
    module, _, attribute = dotted.rpartition(".")
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return False
    return bool(spec and spec.origin and re.search(rf"\b{attribute}\b", Path(spec.origin).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_have_options_that_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in command_lines(page, "spectus"):
        try:
            build_parser(words).parse_args(words)
        except SystemExit as stopped:
            assert stopped.code == 0, f"spectus {' '.join(words)}: {capsys.readouterr().err.splitlines()[-1]}"


def test_commands_of_the_pages_are_seen() -> None:
    assert sum(1 for page in PAGES for _ in command_lines(page, "spectus")) > 40


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_benchmarks_have_options_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for script, rest in re.findall(r"python (benchmarks/\w+\.py)([^\n`#]*)", text):
        source = (ROOT / script).read_text(encoding="utf-8")
        for option in re.findall(r" (--[\w-]+)", rest):
            assert f'"{option}"' in source, f"{script} {option}"


@pytest.mark.parametrize("page", [*DOCS.rglob("*.md"), ROOT / "README.md"], ids=name)
def test_configurations_are_accepted(page: Path) -> None:
    if page.name == "cluster.md":
        return  # its YAML is a Snakemake profile
    for code in blocks(page, "yaml"):
        configuration.checked_config(yaml.safe_load(code))


def test_the_site_names_every_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    shown = set(re.findall(r"([\w/-]+\.md)$", text, re.MULTILINE))
    assert shown == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
