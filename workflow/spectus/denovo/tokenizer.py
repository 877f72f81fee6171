"""SMILES to tokens and back: the published byte-level character vocabulary of 267 entries."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from spectus.errors import InputError
from spectus.files import replacing, require_file

SPECIAL_TOKENS = (
    "<eos>", "<unk>", "<pad>", "<bos>", "<neims>", "<nist>", "<rassp>", "<trafo>",
    "<source1>", "<source2>", "<source3>",
)  # fmt: skip
"""Tokens 0 to 10 of the published vocabulary: end, unknown, padding, start, and the kinds of spectra of a training."""

_BLANK = "\u0120"  # how the byte-level alphabet writes a blank
FILE_NAMES = ("tokenizer.json", "tokenizer_mf10M.model")
"""Names of a tokenizer's file in a model folder, the preferred one first; the second is the published one's."""


class SmilesTokenizer:
    """A tokenizer without merges: one token for each byte, and the token of a blank before every SMILES.

    Parameters
    ----------
    tokenizer
        From the library `tokenizers`.

    Examples
    --------
    >>> SmilesTokenizer.published().encode("CCO")
    [231, 45, 45, 57]
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def published(cls) -> "SmilesTokenizer":
        """Make the vocabulary of `tokenizer_mf10M.model`: special tokens, then the 256 byte symbols of GPT-2."""
        symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary = {token: index for index, token in enumerate((*SPECIAL_TOKENS, *symbols))}
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
        return cls(tokenizer)

    @classmethod
    def from_pretrained(cls, folder: Path) -> "SmilesTokenizer":
        """Read the tokenizer of a model.

        Parameters
        ----------
        folder
            The model's folder, with one of `FILE_NAMES`.

        Returns
        -------
        SmilesTokenizer
            Its tokenizer; the published one if the folder has no file.

        Raises
        ------
        InputError
            A damaged file.
        """
        for path in (folder / name for name in FILE_NAMES):
            if path.exists():
                try:
                    return cls(Tokenizer.from_file(str(require_file(path))))
                except InputError:
                    raise
                except Exception as error:  # the Rust library raises bare Exception
                    raise InputError(path, f"is no tokenizer ({error})", "copy the model again") from error
        return cls.published()

    def save_pretrained(self, folder: Path) -> None:
        """Write the file that `from_pretrained` reads.

        Parameters
        ----------
        folder
            The model's folder.
        """
        with replacing(folder / FILE_NAMES[0]) as temporary:
            self.tokenizer.save(str(temporary))

    def encode(self, smiles: str) -> list[int]:
        """Return the tokens of a SMILES string, the blank's first."""
        tokens: list[int] = self.tokenizer.encode(smiles, add_special_tokens=False).ids
        return tokens

    def decode(self, tokens: list[list[int]]) -> list[str]:
        """Return the SMILES strings of token sequences, without special tokens and without the leading blank."""
        return [text.strip() for text in self.tokenizer.decode_batch(tokens, skip_special_tokens=True)]

    def characters(self) -> list[str | None]:
        """Return the character of every token; None for special tokens and for tokens of several characters."""
        tokens = [self.tokenizer.id_to_token(index) or "" for index in range(len(self))]
        plain = [" " if token == _BLANK else token for token in tokens]
        return [token if len(token) == 1 and token.isascii() else None for token in plain]

    def is_by_character(self) -> bool:
        """Say whether every token is a single character, as in the published vocabulary."""
        return not any(len(token) > 1 and token not in SPECIAL_TOKENS for token in self.tokenizer.get_vocab())

    def __len__(self) -> int:
        """Return the number of tokens."""
        return int(self.tokenizer.get_vocab_size())
