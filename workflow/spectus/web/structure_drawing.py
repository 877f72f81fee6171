"""Drawings of structures, small enough that one page can hold thousands of them.

RDKit writes one element with its whole style for each bond and each letter. Here all bonds become one path and all
letters another, with relative coordinates in whole tenths of a user unit and without colors: `structure.css` gives them
the color of the text around the drawing. Letters are outlines, so they look the same whatever fonts a browser has.
"""

import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from spectus.structures import quiet_rdkit

WIDTH, HEIGHT = 220, 150
"""Size of a drawing, user units (CSS pixels at full size). Chosen: four drawings beside a spectrum at 84 rem."""

STRUCTURE_STYLE = (Path(__file__).parent / "structure.css").read_text(encoding="utf-8")
"""CSS that every drawing needs."""

_BOND_LENGTH = 26
"""Length of a bond, user units. Chosen: an aromatic ring is then as tall as three lines of text."""
_FONT_SIZE = 8, 15
"""Smallest and largest size of a letter, user units. Chosen: readable on paper, smaller than half a bond."""
_TENTHS = 10
"""Steps of a coordinate in one user unit. RDKit writes one decimal."""
_STANDALONE_STYLE = "svg{color:#1c1f21}@media(prefers-color-scheme:dark){svg{color:#e4e7e8}}"
"""Colors of a drawing that is a document of its own: those of `style.css`."""
MOST_ATOMS = 150
"""Heavy atoms of the largest structure that is drawn. Measured: chains, cages and branched or fused systems of up to
150 atoms are drawn in under 0.1 s, a chain of 1,000 in 2 s, and one of 8,000 in minutes. Nothing that passes a GC
column has as many."""
_LONGEST_SMILES = 2000
"""Characters of the longest SMILES that is read. Chosen: 150 atoms, each with stereochemistry and brackets."""
_SVG = "{http://www.w3.org/2000/svg}"


def draw_structure(smiles: str | None) -> str | None:
    """Draw a structure as an SVG element of WIDTH x HEIGHT user units.

    Parameters
    ----------
    smiles : str or None
        The structure.

    Returns
    -------
    str or None
        The element, without colors; None if `smiles` is no molecule. A structure of more than MOST_ATOMS atoms is a
        note that says so.
    """
    if smiles and len(smiles) > _LONGEST_SMILES:
        return _not_drawn(f"more than {MOST_ATOMS}")
    with quiet_rdkit():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
        if molecule is None or not molecule.GetNumAtoms():
            return None
        if molecule.GetNumAtoms() > MOST_ATOMS:
            return _not_drawn(f"{molecule.GetNumAtoms():,}")
        drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
        options: Any = drawer.drawOptions()
        options.useBWAtomPalette()
        options.clearBackground = False
        options.bondLineWidth = 1
        options.fixedBondLength = _BOND_LENGTH
        options.minFontSize, options.maxFontSize = _FONT_SIZE
        try:
            rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
        except (RuntimeError, ValueError):
            return None
        drawer.FinishDrawing()
    return _compact(drawer.GetDrawingText())


def _not_drawn(atoms: str) -> str:
    """Give an element that says why a structure is not drawn."""
    width, height = WIDTH * _TENTHS, HEIGHT * _TENTHS
    place = f'x="{width // 2}" y="{height // 2}" text-anchor="middle" font-size="{_FONT_SIZE[1] * _TENTHS}"'
    note = f'<text class="filled" {place}>{atoms} atoms: not drawn</text>'
    return f'<svg class="structure" viewBox="0 0 {width} {height}">{note}</svg>'


def standalone_structure(smiles: str) -> str | None:
    """Draw a structure as an SVG document with its own style, readable on light and dark paper.

    Returns
    -------
    str or None
        The document; None if `smiles` is no molecule.
    """
    svg = draw_structure(smiles)
    if svg is None:
        return None
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
    return svg.replace("<svg", opened, 1).replace(">", f"><style>{_STANDALONE_STYLE}{STRUCTURE_STYLE}</style>", 1)


def _compact(drawing: str) -> str:
    """Merge the elements of RDKit's drawing. RDKit's joins of lines are left out: round caps replace them."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    filled: list[str] = []
    for element in ElementTree.fromstring(drawing.encode("iso-8859-1")):
        if element.tag != _SVG + "path" or not element.get("class"):
            continue
        style = dict(entry.split(":", 1) for entry in element.get("style", "").split(";") if ":" in entry)
        path = _relative(element.get("d", ""))
        if element.get("fill", style.get("fill", "none")) == "none":
            lines[style.get("stroke-dasharray", "")].append(path)
        else:
            filled.append(path)
    parts = [
        f'<path d="{"".join(paths)}"' + (f' stroke-dasharray="{_tenths_of(dash)}"' if dash else "") + "/>"
        for dash, paths in sorted(lines.items())
    ]
    if filled:
        parts.append(f'<path class="filled" d="{"".join(filled)}"/>')
    box = f"0 0 {WIDTH * _TENTHS} {HEIGHT * _TENTHS}"
    return f'<svg class="structure" viewBox="{box}">{"".join(parts)}</svg>'


def _relative(path: str) -> str:
    """Rewrite a path of M, L, Q, C and Z in tenths: its first point absolute, the others relative to the one before."""
    parts: list[str] = []
    place = 0, 0
    for command, text in re.findall(r"([MLQCZ])([^MLQCZ]*)", path):
        numbers = [round(float(number) * _TENTHS) for number in re.findall(r"-?[\d.]+", text)]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if command == "Z":
            parts.append("z")
        elif command == "M":
            parts.append(_joined_numbers("M", [points[0]]))
            parts += [_joined_numbers("l", [_step(a, b)]) for a, b in pairwise(points)]
        else:
            of_one = {"L": 1, "Q": 2, "C": 3}[command]
            for first in range(0, len(points), of_one):
                group = points[first : first + of_one]
                parts.append(_joined_numbers(command.lower(), [_step(place, point) for point in group]))
                place = group[-1]
            continue
        place = points[-1] if points else place
    return "".join(parts)


def _step(start: tuple[int, int], end: tuple[int, int]) -> tuple[int, int]:
    return end[0] - start[0], end[1] - start[1]


def _joined_numbers(command: str, points: list[tuple[int, int]]) -> str:
    """Join a command and its coordinates; a minus sign separates two numbers as well as a blank does."""
    return command + " ".join(f"{x} {y}" for x, y in points).replace(" -", "-")


def _tenths_of(dash: str) -> str:
    return " ".join(str(round(float(length) * _TENTHS)) for length in dash.split(","))
