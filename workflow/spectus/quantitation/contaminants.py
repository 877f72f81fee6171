"""Common contaminants of GC-MS, by ions of their spectra, with their origin.

Ions and relative intensities are those of EI spectra at 70 eV in MassBank and in the NIST WebBook; the limits leave a
factor of two to three for other instruments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spectus.nominal_mass import to_nominal_mass
from spectus.types import Floats

_BLEED = "column bleed, septum or silicone"
_PLASTICIZER = "plasticizer: plastic ware, tubing, gloves"
_FLAME_RETARDANT = "flame retardant: foam, plastic"
_ANTIOXIDANT = "antioxidant of plastics and solvents"


_HEAVIER = 0.05
"""Intensity from which an ion above the heaviest one shows another compound, relative to the base peak. Chosen."""


@dataclass(frozen=True)
class Contaminant:
    """A contaminant, or a group whose members have nearly the same spectrum.

    Attributes
    ----------
    name
        Its name.
    origin
        Where it comes from.
    heaviest
        Highest nominal mass of its ions, isotopes included.
    base
        Nominal masses of which one is the base peak.
    least
        Least intensity of ions, by nominal mass, relative to the base peak.
    most
        Largest intensity of ions that would show another compound.
    """

    name: str
    origin: str
    heaviest: int
    base: tuple[int, ...]
    least: Mapping[int, float]
    most: Mapping[int, float] = field(default_factory=dict)

    def fits(self, by_mass: Mapping[int, float]) -> bool:
        """Tell whether a spectrum, intensity by nominal mass with base peak 1.0, fits."""
        strongest = max(by_mass, key=lambda mass: by_mass[mass])
        return (
            strongest in self.base
            and all(height < _HEAVIER for mass, height in by_mass.items() if mass > self.heaviest)
            and all(by_mass.get(mass, 0.0) >= least for mass, least in self.least.items())
            and all(by_mass.get(mass, 0.0) <= most for mass, most in self.most.items())
        )


CONTAMINANTS = (
    Contaminant(
        "hexamethylcyclotrisiloxane (D3)", _BLEED, 211, (207,), {208: 0.1, 209: 0.05},
        {73: 0.4, 77: 0.08, 103: 0.08, 105: 0.08, 165: 0.08},
    ),
    Contaminant("octamethylcyclotetrasiloxane (D4)", _BLEED, 286, (281,), {282: 0.15, 283: 0.08}, {147: 0.2}),
    Contaminant("decamethylcyclopentasiloxane (D5)", _BLEED, 360, (73, 355), {73: 0.3, 267: 0.2, 355: 0.2}),
    Contaminant("dodecamethylcyclohexasiloxane (D6)", _BLEED, 434, (73, 341), {73: 0.3, 341: 0.15, 429: 0.1}),
    Contaminant("cyclic siloxane (D7 or larger)", _BLEED, 1000, (73, 147, 221, 281), {73: 0.3, 147: 0.2, 281: 0.2}),
    Contaminant("polysiloxane", _BLEED, 1000, (73, 207, 281), {207: 0.3, 281: 0.1}),
    Contaminant("dimethyl phthalate", _PLASTICIZER, 196, (163,), {77: 0.05, 194: 0.02}, {149: 0.1}),
    Contaminant("diethyl phthalate", _PLASTICIZER, 224, (149,), {177: 0.12}, {167: 0.1, 205: 0.1}),
    Contaminant(
        "dibutyl or diisobutyl phthalate", _PLASTICIZER, 280, (149,), {223: 0.02, 205: 0.01}, {167: 0.1, 177: 0.1}
    ),
    Contaminant("benzyl butyl phthalate", _PLASTICIZER, 314, (149, 91), {91: 0.3, 149: 0.3, 206: 0.08}),
    Contaminant("bis(2-ethylhexyl) phthalate", _PLASTICIZER, 392, (149,), {167: 0.15, 279: 0.03}),
    Contaminant(
        "phthalate ester", _PLASTICIZER, 450, (149,), {150: 0.05},
        {177: 0.12, 148: 0.1, 164: 0.1, 131: 0.1, 121: 0.15, 166: 0.15},
    ),
    Contaminant("bis(2-ethylhexyl) adipate", _PLASTICIZER, 372, (129,), {112: 0.1, 147: 0.08, 57: 0.1}, {73: 0.15}),
    Contaminant("acetyl tributyl citrate", _PLASTICIZER, 404, (185,), {129: 0.3, 259: 0.1}),
    Contaminant(
        "TXIB (trimethylpentanediol diisobutyrate)", _PLASTICIZER, 245, (71, 43), {71: 0.4, 111: 0.05, 159: 0.1}
    ),
    Contaminant("tributyl phosphate", _PLASTICIZER, 268, (99,), {155: 0.1, 211: 0.05}, {75: 0.2, 191: 0.1}),
    Contaminant("tris(chloropropyl) phosphate", _FLAME_RETARDANT, 330, (99, 125), {99: 0.4, 125: 0.3, 277: 0.15}),
    Contaminant("tris(2-chloroethyl) phosphate", _FLAME_RETARDANT, 288, (63, 249), {63: 0.2, 249: 0.3, 251: 0.15}),
    Contaminant("triphenyl phosphate", _FLAME_RETARDANT, 328, (325, 326), {325: 0.4, 326: 0.4, 77: 0.1}),
    Contaminant("bisphenol A", "polycarbonate, epoxy resin, paper", 230, (213,), {228: 0.1, 119: 0.05}),
    Contaminant(
        "butylated hydroxytoluene (BHT)", _ANTIOXIDANT, 222, (205,), {220: 0.1, 206: 0.08},
        {75: 0.1, 103: 0.1, 131: 0.1, 191: 0.1},
    ),
    Contaminant("2,4-di-tert-butylphenol", _ANTIOXIDANT, 208, (191,), {206: 0.08, 57: 0.08}, {205: 0.1}),
    Contaminant(
        "7,9-di-tert-butyl-1-oxaspiro[4.5]deca-6,9-diene-2,8-dione", _ANTIOXIDANT, 278, (57, 205),
        {205: 0.3, 276: 0.05},
    ),
    Contaminant(
        "fatty acid amide", "slip agent of plastic bags and vials", 400, (59,), {72: 0.25, 55: 0.1}, {73: 0.3}
    ),
    Contaminant(
        "squalene", "skin oil", 412, (69,), {81: 0.3, 95: 0.08, 121: 0.05, 137: 0.05, 191: 0.004},
        {91: 0.2, 136: 0.4, 93: 0.5},
    ),
    Contaminant("diacetone alcohol", "acetone", 117, (43,), {59: 0.2, 101: 0.04}, {55: 0.2, 58: 0.3, 60: 0.1, 73: 0.1}),
    Contaminant("mesityl oxide", "acetone", 100, (55, 83), {55: 0.5, 83: 0.5, 98: 0.2}, {56: 0.2, 69: 0.15, 97: 0.2}),
    Contaminant("cyclohexene", "stabilizer of dichloromethane", 84, (67,), {54: 0.4, 82: 0.2}, {81: 0.2}),
    Contaminant("2-methyl-2-butene", "stabilizer of chloroform", 72, (55,), {70: 0.2, 42: 0.1}, {56: 0.2}),
    Contaminant("hexamethyldisiloxane", "silylation reagent and water", 164, (147,), {148: 0.1, 149: 0.04}, {75: 0.1}),
    Contaminant("trimethylsilanol", "silylation reagent and water", 92, (75,), {45: 0.05, 47: 0.05}, {61: 0.2}),
    Contaminant("perfluorotributylamine (PFTBA)", "tuning compound", 1000, (69,), {131: 0.1, 219: 0.1, 264: 0.03}),
    Contaminant("air", "leak or dead volume", 45, (28, 32), {32: 0.1}, {31: 0.1, 29: 0.2}),
    Contaminant("carbon dioxide", "leak or dead volume", 46, (44,), {}, {43: 0.05, 42: 0.05, 29: 0.1}),
)  # fmt: skip
"""The contaminants; the first that fits names a feature, so that single compounds stand before groups."""


def contaminant_of(mz: Floats, intensity: Floats) -> Contaminant | None:
    """Return the common contaminant that a spectrum fits, or None.

    Parameters
    ----------
    mz, intensity
        (n,) the spectrum.
    """
    if not len(mz):
        return None
    masses = to_nominal_mass(mz)
    heights = np.bincount(masses, weights=intensity)
    largest = float(heights.max())
    if largest <= 0:
        return None
    by_mass = {int(mass): float(heights[mass]) / largest for mass in np.flatnonzero(heights)}
    return next((contaminant for contaminant in CONTAMINANTS if contaminant.fits(by_mass)), None)
