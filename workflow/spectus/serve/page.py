"""The web page, in the report's style, and drawings of structures that stand alone. Nothing comes from elsewhere."""

import re
from html import escape
from pathlib import Path

from spectus import __version__, report
from spectus.web.structure_drawing import HEIGHT, WIDTH, draw

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src 'self'; connect-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_FOLDER, _REPORT = Path(__file__).parent, Path(report.__path__[0])
_DRAWING_STYLE = (
    "<style>svg{color:#1c1f21}@media(prefers-color-scheme:dark){svg{color:#e4e7e8}}"
    "path{fill:none;stroke:currentColor;stroke-width:1.25;stroke-linecap:round;stroke-linejoin:round}"
    ".filled{fill:currentColor;stroke:none}"
    "text{fill:currentColor;font-family:'Liberation Sans',Arial,Helvetica,sans-serif}</style>"
)


def page(model: str, candidates: int, most: int) -> str:
    """The page as HTML, asking for `candidates` structures unless told, for `most` at most."""
    parts = {
        "model": escape(model),
        "version": escape(__version__),
        "candidates": str(candidates),
        "most": str(most),
        "css": (_REPORT / "page.css").read_text(encoding="utf-8") + (_FOLDER / "page.css").read_text(encoding="utf-8"),
        "script": (_FOLDER / "page.js").read_text(encoding="utf-8"),
    }
    template = (_FOLDER / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def standalone_drawing(smiles: str) -> str | None:
    """The structure as an SVG document, right on light and dark paper; None if `smiles` is no molecule."""
    svg = draw(smiles)
    if svg is None:
        return None
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
    return svg.replace("<svg", opened, 1).replace(">", ">" + _DRAWING_STYLE, 1)
