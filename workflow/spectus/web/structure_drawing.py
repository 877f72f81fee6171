"""Drawings of structures, small enough that a page can carry thousands of them.

RDKit writes one element a bond and a letter, each with its whole style. Here the same lines become one path and
the letters of one size one text element, in the colour of the text around them: a sixth of the size, and right on
light and dark paper alike.
"""

import re
from collections import defaultdict
from typing import Any
from xml.etree import ElementTree

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from spectus.structures import quiet_rdkit

WIDTH, HEIGHT = 220, 150
_BOND_LENGTH = 26
_SVG = "{http://www.w3.org/2000/svg}"


def draw(smiles: str | None) -> str | None:
    """The structure as an SVG element of WIDTH x HEIGHT user units, or None if `smiles` is no molecule."""
    with quiet_rdkit():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
        if molecule is None or not molecule.GetNumAtoms():
            return None
        drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT, -1, -1, True)
        options: Any = drawer.drawOptions()
        options.useBWAtomPalette()
        options.clearBackground = False
        options.bondLineWidth = 1
        options.fixedBondLength = _BOND_LENGTH
        options.minFontSize = 8
        try:
            rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
        except (RuntimeError, ValueError):
            return None
        drawer.FinishDrawing()
    return _compact(drawer.GetDrawingText())


def _compact(drawing: str) -> str:
    """RDKit's drawing with its elements merged. Joins of lines are left out: round caps make them."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    filled: list[str] = []
    letters: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for element in ElementTree.fromstring(drawing.encode("iso-8859-1")):
        style = dict(entry.split(":", 1) for entry in element.get("style", "").split(";") if ":" in entry)
        if element.tag == _SVG + "path" and element.get("class"):
            if style.get("fill", "none") == "none":
                lines[style.get("stroke-dasharray", "")].append(_short_path(element.get("d", "")))
            else:
                filled.append(_short_path(element.get("d", "")))
        elif element.tag == _SVG + "text" and element.text:
            size = style.get("font-size", "15px").removesuffix("px")
            letters[size].append((element.get("x", "0"), element.get("y", "0"), element.text))
    parts = [
        f'<path d="{"".join(paths)}"' + (f' stroke-dasharray="{dash}"' if dash else "") + "/>"
        for dash, paths in sorted(lines.items())
    ]
    if filled:
        parts.append(f'<path class="filled" d="{"".join(filled)}"/>')
    for size, glyphs in sorted(letters.items()):
        x, y, text = (part for part in zip(*glyphs, strict=True))
        parts.append(f'<text font-size="{size}" x="{_numbers(x)}" y="{_numbers(y)}">{_escape("".join(text))}</text>')
    return f'<svg class="structure" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'


def _short_path(path: str) -> str:
    """The same path with the spaces SVG can do without: 'M 1.0,2.0 L 3.5,4.0' becomes 'M1 2L3.5 4'."""
    return re.sub(r"\s*([A-Z])\s*", r"\1", re.sub(r"\.0\b", "", path.replace(",", " "))).strip()


def _numbers(values: tuple[str, ...]) -> str:
    return " ".join(value.removesuffix(".0") for value in values)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
