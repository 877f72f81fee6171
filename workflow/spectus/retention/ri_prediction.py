"""Predicted retention indices of structures on semi-standard non-polar columns, with an error for each.

The model is Gaussian process regression (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006) on
counts of atom environments of radius 0 and 1 (Morgan; Rogers and Hahn 2010, J. Chem. Inf. Model. 50, 742) and some
descriptors of the whole molecule. Its kernel is the sum of a linear one on the descriptors, a linear one on the counts
(group contributions, as in Stein et al. 2007, J. Chem. Inf. Model. 47, 975), and the Tanimoto similarity of the counts,
which corrects by similar compounds of known index. The linear parts become two vectors of weights; the last part needs
the compounds that the model learned from.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from scipy.sparse import csr_array

from spectus.errors import InputError
from spectus.files import replacing, require_file, resource
from spectus.structures import quiet_rdkit
from spectus.types import Floats

SHIPPED_RI_MODELS = {"open": "models/ri-open"}
"""Names of the models that ship, and their places among the resources."""

KIND = "ri"
CONFIG, WEIGHTS = "config.json", "model.npz"

_GENERATOR = GetMorganGenerator(radius=1)  # bonds; chosen: radius 2 was no better, leave one source out
_MOST = 16
"""Counts of an environment above this are this; chosen: chains of more CH2 groups are told by the descriptors."""

_AT_ONCE = 4096
"""Molecules of a block; chosen: 40 MB of similarities."""

_LIGHTEST, _HEAVIEST = 16.0, 1200.0
"""Da: methane, and more than what a gas chromatograph elutes."""


class Described(NamedTuple):
    """Molecules as the model sees them.

    Attributes
    ----------
    environments : list of dict
        (n,) atom environments with their counts; empty where the molecule cannot be predicted.
    descriptors : ndarray of float64, (n, n_descriptors)
        Of the whole molecule; NaN where it cannot be predicted.
    """

    environments: list[dict[int, int]]
    descriptors: Floats


class PredictedRi(NamedTuple):
    """Predicted retention indices on the n-alkane scale.

    Attributes
    ----------
    ri : ndarray of float64, (n,)
        Index units; NaN where a molecule cannot be predicted.
    error : ndarray of float64, (n,)
        Error that two thirds of such molecules do not exceed, index units; NaN likewise.
    """

    ri: Floats
    error: Floats


class RiModel:
    """A model of retention indices.

    Parameters
    ----------
    arrays
        By name: `vocabulary` (d,) environments, ascending, `levels` (d,) columns of each in the similarity,
        `count_weights` (d,), `descriptor_mean`, `descriptor_scale`, `descriptor_weights` (n_descriptors,),
        `known_indices` and `known_indptr` of the known compounds' rows, `known_sizes` and `known_weights`
        (n_known,), `constant` (1,) index units, `error_weights` (4,).
    """

    def __init__(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        self._arrays = {name: np.asarray(values) for name, values in arrays.items()}
        floats = {name: values.astype(np.float64) for name, values in self._arrays.items()}
        self.vocabulary = self._arrays["vocabulary"].astype(np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._arrays["levels"].astype(np.int64))])
        self._floats = floats
        indptr = self._arrays["known_indptr"].astype(np.int64)
        indices = self._arrays["known_indices"].astype(np.int64)
        self._known = csr_array(
            (np.ones(len(indices), np.float32), indices, indptr), shape=(len(indptr) - 1, int(self._starts[-1]))
        ).T.tocsr()

    def predict(self, smiles: Sequence[str | None]) -> PredictedRi:
        """Predict the indices of molecules.

        Parameters
        ----------
        smiles
            The molecules, (n,), as they are measured: a derivative is given as such.

        Returns
        -------
        PredictedRi
            NaN for text that is no molecule, salts, charged molecules, and those below 16 or above 1,200 Da.
        """
        blocks = [self._of_block(smiles[start : start + _AT_ONCE])[0] for start in range(0, len(smiles), _AT_ONCE)]
        none = np.zeros(0)
        return PredictedRi(
            np.concatenate([none, *(block.ri for block in blocks)]),
            np.concatenate([none, *(block.error for block in blocks)]),
        )

    def error_features(self, smiles: Sequence[str | None]) -> Floats:
        """Return what the error of each molecule is predicted from, (n, 4); NaN where it cannot be predicted."""
        starts = range(0, len(smiles), _AT_ONCE)
        return np.concatenate([np.zeros((0, 4)), *(self._of_block(smiles[at : at + _AT_ONCE])[1] for at in starts)])

    def _of_block(self, smiles: Sequence[str | None]) -> tuple[PredictedRi, Floats]:
        known, molecules = self._floats, described(smiles)
        counts, columns, sizes = encoded(molecules.environments, self.vocabulary, self._starts)
        shared = (columns @ self._known).toarray().astype(np.float64)
        similarity = shared / np.maximum(sizes[:, None] + known["known_sizes"][None] - shared, 1.0)
        scaled = (molecules.descriptors - known["descriptor_mean"]) / known["descriptor_scale"]
        index = (
            known["constant"][0]
            + scaled @ known["descriptor_weights"]
            + counts @ known["count_weights"]
            + similarity @ known["known_weights"]
        )
        nearest = similarity.max(axis=1, initial=0.0)
        spread = error_features(nearest, molecules.descriptors[:, 0], _unknown(counts, molecules))
        return PredictedRi(index, np.exp(spread @ known["error_weights"])), spread

    def save(self, folder: Path, more: dict[str, object]) -> None:
        """Write the folder: config.json with further entries, and the arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / WEIGHTS) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **self._arrays)
        with replacing(folder / CONFIG) as temporary:
            temporary.write_text(json.dumps({"kind": KIND, **more}, indent=2) + "\n", encoding="utf-8")


def load_ri_model(name: str | Path = "open") -> RiModel:
    """Load a model that ships, by its name, or the folder of one.

    Raises
    ------
    InputError
        No such model, or the folder holds another kind of model or a damaged one.
    """
    folder = resource(SHIPPED_RI_MODELS[str(name)]) if str(name) in SHIPPED_RI_MODELS else Path(name)
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "name the folder of a retention index model, or `open`")
    try:
        kind = json.loads(require_file(folder / CONFIG).read_text(encoding="utf-8")).get("kind")
    except (ValueError, AttributeError) as error:
        raise InputError(folder / CONFIG, "is not JSON", "copy the model again") from error
    if kind != KIND:
        raise InputError(folder, f"is a model of the kind {kind!r}", "name a folder that `spectus train ri` wrote")
    try:
        with np.load(require_file(folder / WEIGHTS), allow_pickle=False) as arrays:
            return RiModel(dict(arrays))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(folder / WEIGHTS, f"is damaged ({str(error)[:80]})", "copy the model again") from error


def described(smiles: Iterable[str | None]) -> Described:
    """Count the atom environments of molecules and compute their descriptors."""
    environments, descriptors = list[dict[int, int]](), list[list[float]]()
    with quiet_rdkit():
        for text in smiles:
            molecule = Chem.MolFromSmiles(text) if text else None
            values = _descriptors(molecule) if molecule is not None and "." not in (text or "") else None
            environments.append(
                {} if values is None else _GENERATOR.GetSparseCountFingerprint(molecule).GetNonzeroElements()
            )
            descriptors.append([np.nan] * N_DESCRIPTORS if values is None else values)
    return Described(environments, np.array(descriptors, np.float64).reshape(-1, N_DESCRIPTORS))


N_DESCRIPTORS = 13
"""Values of `_descriptors`. Chosen: those that RDKit computes in a few microseconds (Crippen's log P takes 260)."""


def _descriptors(molecule: Chem.Mol) -> list[float] | None:
    """Return the mass first, Da; None for a molecule that cannot be predicted."""
    mass = rdMolDescriptors.CalcExactMolWt(molecule)
    if not _LIGHTEST <= mass <= _HEAVIEST or Chem.GetFormalCharge(molecule):
        return None
    heavy = molecule.GetNumHeavyAtoms()
    return [
        mass, mass**0.5, np.log(mass), heavy, heavy**0.5, rdMolDescriptors.CalcTPSA(molecule),
        rdMolDescriptors.CalcNumHBD(molecule), rdMolDescriptors.CalcNumLipinskiHBA(molecule),
        rdMolDescriptors.CalcNumRings(molecule), rdMolDescriptors.CalcNumAromaticRings(molecule),
        rdMolDescriptors.CalcFractionCSP3(molecule), rdMolDescriptors.CalcLabuteASA(molecule),
        rdMolDescriptors.CalcNumBridgeheadAtoms(molecule),
    ]  # fmt: skip


def encoded(
    environments: Sequence[dict[int, int]], vocabulary: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[csr_array, csr_array, Floats]:
    """Write counts as two sparse matrices.

    Parameters
    ----------
    environments
        Of n molecules.
    vocabulary
        Environments of the model, ascending, (d,).
    starts
        (d + 1,) first column of each environment in the second matrix.

    Returns
    -------
    counts : csr_array, (n, d)
        Square roots of the counts.
    columns : csr_array, (n, starts[-1])
        Ones: the first c columns of an environment that occurs c times, so that a product of two rows is the sum of
        the smaller counts.
    sizes : ndarray of float64, (n,)
        Sum of all counts, those of environments outside the vocabulary too.
    """
    lengths = [len(found) for found in environments]
    numbers = np.fromiter((key for found in environments for key in found), np.int64, sum(lengths))
    values = np.fromiter((n for found in environments for n in found.values()), np.int64, sum(lengths))
    row = np.repeat(np.arange(len(environments)), lengths)
    sizes = np.bincount(row, np.minimum(values, _MOST), len(environments)).astype(np.float64)
    place = np.minimum(np.searchsorted(vocabulary, numbers), max(len(vocabulary) - 1, 0))
    known = vocabulary[place] == numbers
    row, place, values = row[known], place[known], values[known]
    counts = csr_array((np.sqrt(values), (row, place)), shape=(len(environments), len(vocabulary)))
    taken = np.minimum(values, np.diff(starts)[place])
    first = np.concatenate([[0], np.cumsum(taken)])[:-1]
    column = np.repeat(starts[place] - first, taken) + np.arange(taken.sum())
    columns = csr_array((np.ones(len(column)), (np.repeat(row, taken), column)), (len(environments), int(starts[-1])))
    return counts, columns, sizes


def error_features(similarity: Floats, mass: Floats, unknown: Floats) -> Floats:
    """Return what the logarithm of the error is linear in, (n, 4).

    Parameters
    ----------
    similarity
        Highest Tanimoto similarity to a known compound, (n,), 0-1.
    mass
        Da, (n,).
    unknown
        Share of a molecule's environments outside the vocabulary, (n,), 0-1.
    """
    return np.stack([np.ones(len(mass)), 1 - similarity, np.log(mass / 200), unknown], axis=1)


def _unknown(counts: csr_array, molecules: Described) -> Floats:
    """Return the share of each molecule's environments outside the vocabulary."""
    found = np.array([max(len(environments), 1) for environments in molecules.environments], np.float64)
    share: Floats = 1 - np.diff(counts.indptr) / found
    return share
