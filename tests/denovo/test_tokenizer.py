from pathlib import Path

import pytest

from spectus.denovo.tokenizer import SPECIAL_TOKENS, SmilesTokenizer
from spectus.errors import InputError


def test_the_published_vocabulary() -> None:
    tokenizer = SmilesTokenizer.published()
    assert len(tokenizer) == 267
    assert tokenizer.encode("CCO") == [231, 45, 45, 57]
    assert tokenizer.encode("Cl") == [231, 45, 86]
    assert [tokenizer.tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(11))
    for character, token in {"!": 11, "#": 13, "(": 18, "0": 26, "9": 35, "=": 39, "@": 42, "[": 69, "s": 93}.items():
        assert tokenizer.encode(character) == [231, token]
    assert tokenizer.encode("<nist>") == [5]


def test_decoding_drops_special_tokens_and_the_leading_blank() -> None:
    tokenizer = SmilesTokenizer.published()
    smiles = ["C[nH]1c#N=%10", "[Si](C)(C)O/C=C\\Br"]
    assert tokenizer.decode([[5, *tokenizer.encode(text), 0] for text in smiles]) == smiles


def test_a_saved_folder_loads_back(tmp_path: Path) -> None:
    SmilesTokenizer.published().save_pretrained(tmp_path)
    assert SmilesTokenizer.from_pretrained(tmp_path).encode("c1ccccc1") == SmilesTokenizer.published().encode(
        "c1ccccc1"
    )


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"tokenizer\.json.*is no tokenizer"):
        SmilesTokenizer.from_pretrained(tmp_path)
