"""The Markdown pages of the project, and what is in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "config" / "README.md",
    *sorted((ROOT / "resources").rglob("README.md")),
    *sorted(DOCS.rglob("*.md")),
]
"""Every page that describes this version. The changelog also describes earlier ones."""

HISTORY = [DOCS / "migration.md"]
"""Pages that name things of earlier versions."""


def name(page: Path) -> str:
    """Name of a page in the output of pytest."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> Iterator[str]:
    """Code blocks of one language."""
    text = page.read_text(encoding="utf-8")
    for indent, code in re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        yield re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)


def command_lines(page: Path, program: str) -> Iterator[list[str]]:
    """Words of each command of a program in the page's shell blocks, after the program's name."""
    for code in blocks(page, "bash"):
        for line in code.replace("\\\n", " ").splitlines():
            if line.strip().startswith(f"{program} "):
                words = shlex.split(line.strip().removeprefix(program), comments=True)
                yield words[: words.index(">")] if ">" in words else words


def prose(page: Path) -> str:
    """The page without code blocks."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
