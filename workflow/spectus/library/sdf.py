"""Structure-data files whose records have a mass spectrum in the field MASS SPECTRAL PEAKS (NIST, MoNA)."""

import re
from collections.abc import Iterator

from rdkit import Chem

from spectus.library.fields import Record, decode, identity
from spectus.library.peaks import NO_PEAKS

PEAKS_FIELD = re.compile(rb"^>[^\n<]*<(?:MASS[ _]SPECTRAL[ _]PEAKS|PEAKS|SPECTRUM)>", re.IGNORECASE | re.MULTILINE)

_END = re.compile(rb"^\$\$\$\$[^\n]*\n?", re.MULTILINE)
_FIELD = re.compile(rb"^>[^\n<]*<([^\n>]+)>[^\n]*\n((?:(?!>|\$\$\$\$)[^\n]*\n?)*)", re.MULTILINE)


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file in order. A record without a field for SMILES gets that of its connection table.

    Parameters
    ----------
    data
        Text of the file with line feeds as line ends.
    """
    for block in _END.split(data):
        if not block.strip():
            continue
        fields = _FIELD.findall(block)
        peaks = next((value for key, value in fields if PEAKS_FIELD.match(b"><" + key + b">")), b"")
        pairs: list[tuple[str | bytes, str | bytes]] = []
        for key, value in fields:
            pairs += [(key, line) for line in value.split(b"\n") if line.strip()]
        drawn = _smiles(block.partition(b"\n>")[0])
        if drawn:
            pairs.append(("SMILES", drawn))
        said = next((value.strip() for key, value in fields if key.strip().lower() == b"num peaks"), b"")
        announced = int(said) if said.isdigit() else None
        yield Record(identity(pairs), peaks.strip(b"\n"), announced, None if peaks.strip() else NO_PEAKS)


def _smiles(block: bytes) -> str | None:
    """Return the SMILES of a connection table; None where it has no atoms or cannot be read."""
    molecule = Chem.MolFromMolBlock(decode(block), sanitize=True)
    return Chem.MolToSmiles(molecule) if molecule is not None and molecule.GetNumAtoms() else None
