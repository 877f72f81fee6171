import pytest

from spectus.denovo.editing.fragments import HYDROGEN, cuts, fragment_of, joined, open_places
from spectus.denovo.editing.molecule import EditableMolecule
from spectus.structures import flat_smiles

MOLECULES = (
    "C[Si](C)(C)Oc1ccc([N+](=O)[O-])cc1", "CON=CC(O)c1cc[nH]c1", "CC(=O)Oc1ccccc1", "CS(=O)(=O)n1cc(F)c(=O)[nH]c1=O",
    "CCOc1ccc(C2C(C#N)=C(N)Oc3nc[nH]c(=O)c32)cc1",
)  # fmt: skip


@pytest.mark.parametrize("smiles", MOLECULES)
def test_a_branch_put_back_gives_the_structure(smiles: str) -> None:
    parent = EditableMolecule(str(flat_smiles(smiles)))
    for core in cuts(parent, 100):
        fragment = fragment_of(core.removed)
        assert fragment is not None
        assert (fragment.order, fragment.mass) == (core.order, parent.mass - core.mass)
        made = joined(core, fragment)
        assert made is not None
        assert made[1] == parent.smiles


def test_derivatives_are_exchanges_of_whole_groups() -> None:
    """TMS and acetyl on a phenol, a methoxime of an aldehyde, a methyl ester; and back."""
    for free, derivative, group in (
        ("Oc1ccccc1", "C[Si](C)(C)Oc1ccccc1", "*[Si](C)(C)C"),
        ("Oc1ccccc1", "CC(=O)Oc1ccccc1", "*C(C)=O"),
        ("O=Cc1ccccc1", "CON=Cc1ccccc1", "*=NOC"),
        ("O=C(O)c1ccccc1", "COC(=O)c1ccccc1", "*C"),
    ):
        fragment, parent = fragment_of(group), EditableMolecule(free)
        assert fragment is not None
        cores = [*cuts(parent), *open_places(parent)]
        made = {found[1] for core in cores if core.order == fragment.order and (found := joined(core, fragment))}
        assert flat_smiles(derivative) in made
        hydrogen = fragment_of(HYDROGEN if fragment.order == 1 else "*=O")
        assert hydrogen is not None
        back = {found[1] for core in cuts(EditableMolecule(derivative)) if (found := joined(core, hydrogen))}
        assert free in back


@pytest.mark.parametrize("text", ["CC", "*C*", "*1CC1", "C(", "*"])
def test_what_is_no_fragment_is_none(text: str) -> None:
    assert fragment_of(text) is None
