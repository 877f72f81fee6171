from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from spectus.denovo.constraints import Target, formula_target, mass_target
from spectus.denovo.encoding import EncodedSpectrum, collate
from spectus.denovo.generation import beam_search
from spectus.denovo.guide import Guide
from spectus.denovo.modeling import SpectusNetwork
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.errors import InputError
from spectus.structures import flat_smiles, quiet_rdkit

TOKENIZER = SmilesTokenizer.published()
GUIDE = Guide(TOKENIZER, end=0)
STRUCTURES = [
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C[Si](C)(C)OCC(=O)O[Si](C)(C)C", "ClC(Cl)(Cl)Br", "O=[N+]([O-])c1ccccc1",
    "COP(=O)(OC)OC=C(Cl)Cl", "c1ccsc1", "C1CCC2CC1C2", "N#CC#N", "FB(F)F", "Ic1ccccc1I", "c1ccc2c(c1)[nH]c1ccccc12",
    "CS(=O)(=O)C", "O", "C",
    "[Se]1C=CC=C1", "CC(C)(C)c1cc(O)ccc1O", "O=c1cc[nH]c(=O)[nH]1", "C[N+](C)(C)CC([O-])=O", "C[Hg]C", "CN=C=O",
]  # fmt: skip


def masked(structures: Sequence[str], targets: Sequence[Target]) -> list[str]:
    """Structures that have a token masked on their way, or are not accepted at their end."""
    tokens = [[*TOKENIZER.encode(smiles), 0] for smiles in structures]
    state = GUIDE.begin(len(tokens), 1)
    state.restart(range(len(tokens)), targets)
    lost = {text for text, target in zip(structures, targets, strict=True) if not target.accepts(text)}
    for position in range(max(map(len, tokens))):
        column = torch.tensor([[some[position] if position < len(some) else 0] for some in tokens])
        allowed = state.allowed()[:, 0].gather(1, column)[:, 0].tolist()
        lost |= {
            text
            for text, some, fine in zip(structures, tokens, allowed, strict=True)
            if position < len(some) and not fine
        }
        state.advance(torch.zeros(len(tokens), 1, dtype=torch.long), column)
    return sorted(lost)


def nominal_mass(smiles: str) -> int:
    table = Chem.GetPeriodicTable()
    atoms = Chem.AddHs(Chem.MolFromSmiles(smiles)).GetAtoms()
    return sum(int(table.GetMostCommonIsotope(atom.GetAtomicNum())) for atom in atoms)


def test_no_structure_is_masked_by_its_own_formula_or_mass() -> None:
    flat = [str(flat_smiles(smiles)) for smiles in STRUCTURES]
    formulae = [formula_target(CalcMolFormula(Chem.MolFromSmiles(smiles))) for smiles in flat]
    assert masked(flat, formulae) == []
    assert masked(flat, [mass_target(nominal_mass(smiles)) for smiles in flat]) == []


def test_no_structure_of_a_library_is_masked_by_its_own_formula(shared: Path) -> None:
    import pyarrow.parquet as pq

    with quiet_rdkit():
        smiles = pq.read_table(shared / "massbank_ei.parquet", columns=["smiles"])["smiles"].unique().to_pylist()
        flat = sorted({str(flat_smiles(text)) for text in smiles[::40] if text and "." not in text} - {"None"})
        formulae = [formula_target(CalcMolFormula(Chem.MolFromSmiles(text))) for text in flat]
        assert masked(flat, formulae) == []


@pytest.mark.parametrize(
    ("smiles", "formula"),
    [
        ("CCO", "C2H4O"),
        ("CCO", "C2H6O2"),
        ("CCO", "C3H8O"),
        ("C=C", "C2H6"),
        ("C1CC1", "C3H8"),
        ("CCCl", "C3H5"),
        ("CC", "C2H4"),
    ],
)
def test_a_structure_of_another_formula_is_stopped(smiles: str, formula: str) -> None:
    target = formula_target(formula)
    assert masked([smiles], [target]) == [smiles]
    assert not target.accepts(smiles)


def test_masses_are_of_the_most_abundant_isotopes() -> None:
    assert mass_target(252).accepts("BrCCCCCCBr") is False
    assert mass_target(242).accepts("BrCCCCCCBr")
    assert mass_target(88).accepts("C[Si](C)(C)C")
    assert not mass_target(88).accepts("not a molecule")
    assert formula_target("C6H12Br2").nominal_mass() == mass_target(242).nominal_mass() == 242


@pytest.mark.parametrize("text", ["", "c6h6", "C6H6!", "Xx2", "C6H6 O", "+", "C0"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        formula_target(text)


def test_a_formula_is_read() -> None:
    assert formula_target("CH3OH") == formula_target("CH4O") == Target(((1, 4), (6, 1), (8, 1)))
    assert formula_target("C5H14NO+").charge == 1
    assert formula_target("C2H3O2-").charge == -1
    assert formula_target("C2D6O") == formula_target("C2H6O")


@pytest.fixture
def chemist(model: SpectusNetwork) -> Iterator[SpectusNetwork]:
    """The random model, made fond of the characters of plain structures."""
    letters = [TOKENIZER.encode(letter)[1] for letter in "CO()="]
    model.final_logits_bias[0, letters] = 8.0
    model.final_logits_bias[0, model.config.eos_token_id] = 6.0
    yield model
    model.final_logits_bias[:] = 0.0


@pytest.mark.parametrize("target", [formula_target("C3H8O"), formula_target("C4H6O"), mass_target(60), mass_target(74)])
def test_every_answer_meets_its_target(chemist: SpectusNetwork, spectra: list[EncodedSpectrum], target: Target) -> None:
    """Rows without a target are not disturbed by those that have one."""
    targets = [None if index % 2 else target for index in range(len(spectra))]
    found = dict(beam_search(chemist, spectra, 30, 5, GUIDE, targets))
    free = dict(beam_search(chemist, spectra, 30, 5, GUIDE))
    assert any(found[index] for index in range(0, len(spectra), 2))
    for index, hypotheses in found.items():
        if index % 2 == 0:
            assert all(target.accepts(text) for text in TOKENIZER.decode([h.tokens for h in hypotheses]))
        else:
            assert [h.tokens for h in hypotheses] == [h.tokens for h in free[index]]


def test_log_probs_are_the_model_s_own(chemist: SpectusNetwork, spectra: list[EncodedSpectrum]) -> None:
    held = dict(beam_search(chemist, spectra[:3], 10, 3, GUIDE, [formula_target("C3H8O")] * 3))
    assert sum(map(len, held.values())) > 3
    for index, hypotheses in held.items():
        for tokens, log_prob in hypotheses:
            sequence = torch.tensor([[3, 5, *tokens]])
            with torch.no_grad():
                steps = torch.log_softmax(chemist(*collate([spectra[index]]), sequence).logits[0, 1:], -1)
            assert log_prob == pytest.approx(steps[range(len(tokens) + 1), [*tokens, 0]].sum().item(), abs=1e-3)


def test_targets_need_a_guide(model: SpectusNetwork, spectra: list[EncodedSpectrum]) -> None:
    with pytest.raises(ValueError, match="guide"):
        next(beam_search(model, spectra, 2, 2, targets=[None] * len(spectra)))
