import numpy as np
import pytest
import torch

from spectus.denovo.encoding import EncodedSpectrum, collate
from spectus.denovo.generation import Hypothesis, beam_search
from spectus.denovo.modeling import SpectusNetwork


@pytest.fixture(scope="module")
def wordy(model: SpectusNetwork) -> SpectusNetwork:
    """The random model, made to end less often, so that hypotheses differ in length."""
    model.final_logits_bias[:, 0] = 4.0
    yield model
    model.final_logits_bias[:, 0] = 0.0


@torch.no_grad()
def next_log_probs(model: SpectusNetwork, spectrum: EncodedSpectrum, tokens: list[int]) -> torch.Tensor:
    prompt = torch.tensor([[model.config.decoder_start_token_id, model.config.source_token_id, *tokens]])
    return torch.log_softmax(model(*collate([spectrum]), prompt).logits[0, -1], -1)


def plain_beam_search(model: SpectusNetwork, spectrum: EncodedSpectrum, beams: int) -> list[Hypothesis]:
    """The same search written for clearness: one hypothesis at a time, no cache, no batch."""
    live, finished, greedy = [Hypothesis([], 0.0)], list[Hypothesis](), [()]
    for _ in range(model.config.max_length - 1):
        following = []
        for tokens, log_prob in live:
            log_probs = next_log_probs(model, spectrum, tokens)
            following += [Hypothesis([*tokens, t], log_prob + log_probs[t].item()) for t in range(len(log_probs))]
            if greedy and tuple(tokens) == greedy[0][: len(tokens)]:
                best = (*tokens, int(log_probs.argmax()))
        greedy = [best] if greedy and greedy[0][-1:] != (0,) else []
        following.sort(key=lambda hypothesis: -hypothesis.log_prob)
        ends = [h for h in following[:beams] if h.tokens[-1] == 0]
        live = [h for h in following if h.tokens[-1] != 0][:beams]
        if greedy and greedy[0] not in {tuple(h.tokens) for h in ends + live}:
            path = next(h for h in following if tuple(h.tokens) == greedy[0])
            if path.tokens[-1] == 0:
                ends.append(path)
            else:
                live[-1] = path
        finished += [Hypothesis(h.tokens[:-1], h.log_prob) for h in ends]
        finished = sorted(finished, key=lambda hypothesis: -hypothesis.log_prob)[:beams]
        if len(finished) == beams and finished[-1].log_prob >= live[0].log_prob:
            break
    return finished


def assert_same(found: list[Hypothesis], wanted: list[Hypothesis]) -> None:
    assert [h.tokens for h in found] == [h.tokens for h in wanted]
    assert np.allclose([h.log_prob for h in found], [h.log_prob for h in wanted], atol=1e-3)


@pytest.mark.parametrize("beams", [1, 3])
def test_equals_the_plain_search(wordy: SpectusNetwork, spectra: list[EncodedSpectrum], beams: int) -> None:
    found = dict(beam_search(wordy, spectra[:4], beams, batch_size=4))
    assert max(len(h.tokens) for hypotheses in found.values() for h in hypotheses) > 2
    for index, spectrum in enumerate(spectra[:4]):
        assert_same(found[index], plain_beam_search(wordy, spectrum, beams))


@pytest.mark.parametrize(("beams", "batch_size"), [(1, 5), (10, 2), (10, 64), (50, 5)])
def test_the_batch_changes_nothing(
    wordy: SpectusNetwork, spectra: list[EncodedSpectrum], beams: int, batch_size: int
) -> None:
    together = dict(beam_search(wordy, spectra, beams, batch_size))
    assert sorted(together) == list(range(len(spectra)))
    for index, spectrum in enumerate(spectra):
        assert_same(together[index], dict(beam_search(wordy, [spectrum], beams, 1))[0])


def test_log_probs_are_those_of_the_strings(wordy: SpectusNetwork, spectra: list[EncodedSpectrum]) -> None:
    for tokens, log_prob in dict(beam_search(wordy, spectra[4:5], 10, 1))[0]:
        steps = [next_log_probs(wordy, spectra[4], tokens[:i])[t].item() for i, t in enumerate([*tokens, 0])]
        assert sum(steps) == pytest.approx(log_prob, abs=1e-3)


def test_the_first_answer_is_never_less_likely_than_the_greedy_one(
    wordy: SpectusNetwork, spectra: list[EncodedSpectrum]
) -> None:
    greedy, wide = dict(beam_search(wordy, spectra, 1, 8)), dict(beam_search(wordy, spectra, 4, 8))
    for index in range(len(spectra)):
        if greedy[index]:
            assert wide[index][0].log_prob >= greedy[index][0].log_prob - 1e-5


def test_one_beam_is_greedy_decoding(wordy: SpectusNetwork, spectra: list[EncodedSpectrum]) -> None:
    for index, hypotheses in beam_search(wordy, spectra[:5], 1, 5):
        tokens: list[int] = []
        while len(tokens) < wordy.config.max_length - 1 and (not tokens or tokens[-1] != 0):
            tokens.append(int(next_log_probs(wordy, spectra[index], tokens).argmax()))
        assert [h.tokens for h in hypotheses] == ([tokens[:-1]] if tokens[-1] == 0 else [])


def test_nothing_to_translate(model: SpectusNetwork) -> None:
    assert list(beam_search(model, [], 10, 4)) == []
