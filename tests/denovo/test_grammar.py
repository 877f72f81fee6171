from pathlib import Path

import pytest
import torch
from rdkit import Chem

from spectus.denovo.grammar import Grammar, GrammarState
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.structures import quiet_rdkit

TOKENIZER = SmilesTokenizer.published()
GRAMMAR = Grammar(TOKENIZER, end=0)


def refused_at(smiles: str) -> int | None:
    """Position of the first character that is masked; the string's length if that is the end; None if all is well."""
    state = GrammarState(GRAMMAR, 1, 1)
    for position, token in enumerate([*TOKENIZER.encode(smiles)[1:], 0]):
        if not state.allowed()[0, 0, token]:
            return position
        state.advance(torch.zeros(1, 1, dtype=torch.long), torch.tensor([[token]]))
    return None


@pytest.mark.parametrize(
    "smiles",
    ["C", "ClC(Cl)Br", "c1ccc2[nH]ccc2c1", "C[Si](C)(C)O", "[13CH3]C", "O=[N+]([O-])C", "C%10CC%10", "C1CC=1",
     "C=1CCC=1", "C.C", "C1.C1", "[se]1cccc1", "[2H]C([2H])[2H]", "CC12CCC1C2", "[Co]", "F/C=C\\F", "C[C@@H](N)O",
     "[CH4-2]", "CB(O)O", "C#N", "B1=NC=CC1", "CC(=O)Oc1ccccc1C(=O)O"],
)  # fmt: skip
def test_valid_strings_pass(smiles: str) -> None:
    assert Chem.MolFromSmiles(smiles, sanitize=False) is not None
    assert refused_at(smiles) is None


@pytest.mark.parametrize(
    ("smiles", "position"),
    [("", 0), ("C(", 2), ("C)", 1), ("C()C", 2), ("C1CC", 4), ("C11", 2), ("C1C1", 3), ("C1(C1)", 4), ("(C)", 0),
     ("1CC", 0), ("CH", 1), ("Ol", 1), ("C=(O)C", 2), ("C==O", 2), ("[C", 2), ("[]", 1), ("C]", 1), ("[Xx]", 2),
     ("[Cq]", 2), ("C1CC1(C)-1", 9), ("CF(C)", 2), ("C=F", 2), ("CCl(C)", 3), ("C(=O)(=O)C", 9),
     ("CC(C)(C)(C)C", 11), ("CC(C(C)(C)C)(C)(C)C", 18), ("C(=1CC1)", 3),
     ("C.", 2), ("C(C.C)", None), ("C%1", 3), ("[CH4", 4), ("=C", 0), ("C[13]", 4), ("rC", 0)],
)  # fmt: skip
def test_invalid_strings_are_stopped_where_they_fail(smiles: str, position: int | None) -> None:
    assert refused_at(smiles) == position


def test_beams_keep_their_own_state() -> None:
    """Two beams change places and go on: the one with an open ring may not end, the other may."""
    state = GrammarState(GRAMMAR, 1, 2)
    carbon, one = TOKENIZER.encode("C1")[1:]
    state.advance(torch.tensor([[0, 1]]), torch.tensor([[carbon, carbon]]))
    state.advance(torch.tensor([[0, 1]]), torch.tensor([[one, carbon]]))
    state.advance(torch.tensor([[1, 0]]), torch.tensor([[carbon, carbon]]))
    assert state.allowed()[0, :, 0].tolist() == [True, False]
    assert state.allowed()[0, :, one].tolist() == [True, False]  # the second beam's last atom is the ring's neighbour
    state.restart(torch.tensor([0]))
    assert not state.allowed()[0, :, 0].any()


def test_no_structure_of_a_library_is_masked(shared: Path) -> None:
    import pyarrow.parquet as pq

    with quiet_rdkit():
        smiles = pq.read_table(shared / "massbank_ei.parquet", columns=["smiles"])["smiles"].unique().to_pylist()
    chosen = [text for text in smiles if text][::20]
    tokens = [[*TOKENIZER.encode(text), 0] for text in chosen]
    state = GrammarState(GRAMMAR, len(chosen), 1)
    for position in range(max(map(len, tokens))):
        column = torch.tensor([[some[position] if position < len(some) else 0] for some in tokens])
        wanted = torch.tensor([position < len(some) for some in tokens])
        allowed = state.allowed()[:, 0].gather(1, column)[:, 0]
        assert [text for text, fine in zip(chosen, (allowed | ~wanted).tolist(), strict=True) if not fine] == []
        state.advance(torch.zeros(len(chosen), 1, dtype=torch.long), column)
