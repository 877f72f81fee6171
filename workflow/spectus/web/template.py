"""Pages made of a template: one HTML file that holds its styles and scripts and loads nothing."""

import re
from collections.abc import Mapping
from pathlib import Path

from spectus.web.structure_drawing import STRUCTURE_STYLE

_FOLDER = Path(__file__).parent


def shared_style() -> str:
    """Return the CSS that every page has: colors, type, tables, controls, structures."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8") + STRUCTURE_STYLE


def fill_template(template: Path, parts: Mapping[str, str]) -> str:
    """Replace each `{{name}}` of a template by the part of that name; the parts themselves are not searched.

    Parameters
    ----------
    template : Path
        An HTML file in UTF-8.
    parts : mapping of str to str
        Ready HTML, CSS, JavaScript or JSON by name.

    Raises
    ------
    KeyError
        The template names a part that is missing.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template.read_text(encoding="utf-8"))
