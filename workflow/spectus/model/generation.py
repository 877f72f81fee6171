"""Beam search over many spectra at once, exact in its ranking and without copying a cache.

The K beams of a spectrum stand where a sentence's tokens would: a decoding step is one pass over (B, K, D). So the
keys and values of the peaks are held once a spectrum, and the tokens' keys and values once a step and beam, never
moved: a beam finds its own past through `lineage`, a mask over all earlier (step, beam) slots. A spectrum whose answers
are settled leaves its row, and a waiting one enters it, at its own step.

Hypotheses are ranked by the sum of their log-probabilities. One may end where its end is among the K best continuations
of its row, so one beam is greedy decoding. The sum only falls as tokens are added, so a spectrum is
settled once its K-th finished hypothesis is at least as likely as its best unfinished one. The greedy path always
keeps a beam: the first answer is never less likely than the greedy one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spectus.model.encoding import EncodedSpectrum, collate
from spectus.model.modeling import SpectusForConditionalGeneration, peak_mask

_GROWTH = 32  # steps by which the token cache grows


class Hypothesis(NamedTuple):
    """A finished answer: its tokens after the prompt, without the end token, and its natural log-probability."""

    tokens: list[int]
    log_prob: float


def beam_search(
    model: SpectusForConditionalGeneration, spectra: Sequence[EncodedSpectrum], beams: int, batch_size: int
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """Translate spectra; yields each one's number and up to `beams` hypotheses, best first, as they are settled.

    The answers of a spectrum do not depend on what else is in the batch (up to rounding in the arithmetic).
    The longest spectra come first, so that memory is at its highest in the beginning.
    """
    waiting = sorted(range(len(spectra)), key=lambda index: (-len(spectra[index].mz), index))
    rows = min(batch_size, len(waiting))
    if rows == 0:
        return
    with torch.inference_mode():
        search = _Search(model, beams, rows, len(spectra[waiting[0]].mz))
    occupant: list[int | None] = [None] * rows
    while True:
        with torch.inference_mode():
            free = [row for row, index in enumerate(occupant) if index is None]
            if waiting and len(free) >= max(1, min(rows // 4, len(waiting))):
                entering = list(zip(free, waiting, strict=False))
                del waiting[: len(entering)]
                search.enter([row for row, _ in entering], [spectra[index] for _, index in entering])
                for row, index in entering:
                    occupant[row] = index
            elif not waiting and len(free) > len(occupant) // 2:
                kept = [row for row, index in enumerate(occupant) if index is not None]
                if not kept:
                    return
                search.keep(kept)
                occupant = [occupant[row] for row in kept]
            settled = [(row, search.answers(row)) for row in search.step() if occupant[row] is not None]
        for row, hypotheses in settled:
            finished, occupant[row] = occupant[row], None
            if finished is not None:
                yield finished, hypotheses


class _Continuations(NamedTuple):
    """Of each row, by falling probability: beams continued, tokens appended, scores, all (B, K); the greedy path's
    beam (B,), -1 once it has ended; and which of the present beams may end here (B, K)."""

    parents: Tensor
    tokens: Tensor
    scores: Tensor
    greedy: Tensor
    ended: Tensor


class _Search:
    """The state of B rows of K beams. Rows without a spectrum idle with scores of minus infinity."""

    def __init__(self, model: SpectusForConditionalGeneration, beams: int, rows: int, peaks: int) -> None:
        config, device = model.config, model.device
        self.model, self.beams, self.config, self.device = model, beams, config, device
        self.dtype = model.lm_head.weight.dtype
        self.prompt = torch.tensor([config.decoder_start_token_id, config.source_token_id], device=device)
        self.max_steps = min(config.max_length, config.decoder_max_position_embeddings)
        heads, width = config.decoder_attention_heads, config.d_model // config.decoder_attention_heads

        def cache(length: int) -> list[tuple[Tensor, Tensor]]:
            shape = (rows, heads, length, width)
            return [
                (
                    torch.zeros(shape, dtype=self.dtype, device=device),
                    torch.zeros(shape, dtype=self.dtype, device=device),
                )
                for _ in model.model.decoder.layers
            ]

        self.peak_cache = cache(peaks)  # (B, H, S, D / H) a layer
        self.peak_mask = torch.zeros(rows, 1, 1, peaks, dtype=torch.bool, device=device)
        self.peak_mask[..., 0] = True  # an idle row attends to something, or its softmax is not a number
        self.token_cache = cache(_GROWTH * beams)  # (B, H, T * K, D / H) a layer
        self.lineage = torch.zeros(rows, beams, _GROWTH * beams, dtype=torch.bool, device=device)
        self.time = torch.zeros(rows, dtype=torch.long, device=device)  # (B,) step of the token being read
        self.tokens = torch.zeros(rows, beams, dtype=torch.long, device=device)  # (B, K) token being read
        self.scores = torch.full((rows, beams), -torch.inf, device=device)  # (B, K) of the unfinished
        self.history = torch.zeros(rows, beams, self.max_steps, dtype=torch.long, device=device)
        self.greedy = torch.full((rows,), -1, device=device)  # (B,) beam of the greedy path; -1 once it has ended
        self.pool_scores = torch.full((rows, beams), -torch.inf, device=device)  # (B, K) of the finished, falling
        self.pool = torch.zeros(rows, beams, self.max_steps, dtype=torch.long, device=device)
        self.pool_length = torch.zeros(rows, beams, dtype=torch.long, device=device)

    def enter(self, rows: list[int], spectra: list[EncodedSpectrum]) -> None:
        """Encode spectra and start them in the given rows."""
        batch = collate(spectra, self.device)
        mask = peak_mask(batch.input_ids, batch.attention_mask)
        encoded = self.model.model.encoder(batch.input_ids, batch.position_ids, mask)
        size, at = encoded.shape[1], torch.tensor(rows, device=self.device)
        for layer, (keys, values) in zip(self.model.model.decoder.blocks, self.peak_cache, strict=True):
            new_keys, new_values = layer.encoder_attn.keys_values(encoded)
            keys[at, :, :size], values[at, :, :size] = new_keys, new_values
        self.peak_mask[at] = False
        self.peak_mask[at, :, :, :size] = mask
        self.lineage[at] = False
        self.time[at] = 0
        self.tokens[at] = self.prompt[0]
        self.scores[at] = -torch.inf
        self.scores[at, 0] = 0.0
        self.greedy[at] = 0
        self.pool_scores[at] = -torch.inf
        self.pool_length[at] = 0

    def keep(self, rows: list[int]) -> None:
        """Drop all other rows, and the columns of peaks and steps that no row left needs."""
        at = torch.tensor(rows, device=self.device)
        self.peak_mask = self.peak_mask[at]
        peaks = int(self.peak_mask.sum(-1).max())
        self.peak_mask = self.peak_mask[..., :peaks]
        self.peak_cache = [(keys[at, :, :peaks], values[at, :, :peaks]) for keys, values in self.peak_cache]
        self.token_cache = [(keys[at], values[at]) for keys, values in self.token_cache]
        for name in ("lineage", "time", "tokens", "scores", "history", "greedy", "pool_scores", "pool", "pool_length"):
            setattr(self, name, getattr(self, name)[at])

    def step(self) -> list[int]:
        """Read one token in every beam of every row; returns the rows that are settled now."""
        log_probs = self._read()
        parents, tokens, scores, greedy, ended = self._advance(log_probs)
        prompting = self.time + 1 < len(self.prompt)
        if bool(prompting.any()):  # the prompt is given, not chosen: beams stay, nothing is scored
            given = self.prompt[(self.time + 1).clamp(max=len(self.prompt) - 1)]
            tokens = torch.where(prompting[:, None], given[:, None], tokens)
            parents = torch.where(prompting[:, None], torch.arange(self.beams, device=self.device), parents)
            scores = torch.where(prompting[:, None], self.scores, scores)
            greedy = torch.where(prompting, self.greedy, greedy)
            ended = ended & ~prompting[:, None]
        self._finish(log_probs, ended)
        self.history = self.history.gather(1, parents[..., None].expand_as(self.history))
        self.lineage = self.lineage.gather(1, parents[..., None].expand_as(self.lineage))
        written = (self.time - len(self.prompt) + 1).clamp(min=0)  # the prompt's own writing is overwritten
        self.history.scatter_(2, written[:, None, None].expand(-1, self.beams, 1), tokens[..., None])
        self.tokens, self.scores, self.greedy, self.time = tokens, scores, greedy, self.time + 1
        done = (self.pool_scores[:, -1] >= self.scores[:, 0]) | (self.time >= self.max_steps)
        return done.nonzero().flatten().tolist()

    def answers(self, row: int) -> list[Hypothesis]:
        """The finished hypotheses of a row, best first; the row idles from now on."""
        scores, lengths = self.pool_scores[row].tolist(), self.pool_length[row].tolist()
        found = [
            Hypothesis(self.pool[row, beam, : lengths[beam]].tolist(), score)
            for beam, score in enumerate(scores)
            if score > -torch.inf
        ]
        self.scores[row] = -torch.inf
        self.time[row] = 0
        self.greedy[row] = -1
        return found

    def _read(self) -> Tensor:
        """One decoder pass: (B, K, V) log-probabilities of the next token."""
        beams, decoder = self.beams, self.model.model.decoder
        steps = int(self.time.max()) + 1
        self._grow(steps)
        slots = self.time[:, None] * beams + torch.arange(beams, device=self.device)  # (B, K)
        self.lineage.scatter_(2, slots[..., None], True)  # a beam sees the token it reads
        mask = self.lineage[:, None, :, : steps * beams]  # (B, 1, K, T * K)
        x = decoder.embed(self.tokens, self.time[:, None])  # (B, K, D)
        for layer, own, peaks in zip(decoder.blocks, self.token_cache, self.peak_cache, strict=True):
            at = slots[:, None, :, None].expand(-1, own[0].shape[1], -1, own[0].shape[3])
            for cache, new in zip(own, layer.self_attn.keys_values(x), strict=True):
                cache.scatter_(2, at, new)
            past = (own[0][:, :, : steps * beams], own[1][:, :, : steps * beams])
            x = layer(x, past, mask, peaks, self.peak_mask)
        return F.log_softmax(self.model.logits(x).float(), dim=-1)

    def _advance(self, log_probs: Tensor) -> _Continuations:
        """The K best continuations of each row, the greedy path among them, and which beams may end here."""
        vocabulary, end, beams = log_probs.shape[-1], self.config.eos_token_id, self.beams
        total = self.scores[..., None] + log_probs
        scores, chosen = total.flatten(1).topk(2 * beams, dim=1)  # at most K of them are ends
        worst = scores[:, beams - 1 : beams]
        going = (chosen % vocabulary == end).int().argsort(dim=1, stable=True)[:, :beams]
        scores, chosen = scores.gather(1, going), chosen.gather(1, going)
        beam = self.greedy.clamp(min=0)[:, None]
        best = log_probs.gather(1, beam[..., None].expand(-1, 1, vocabulary)).squeeze(1).argmax(1, keepdim=True)
        path = beam * vocabulary + best  # (B, 1) where the greedy path goes
        followed = (self.greedy >= 0)[:, None]
        alive = followed & (best != end)
        lost = alive & (chosen != path).all(1, keepdim=True)
        chosen[:, -1:] = torch.where(lost, path, chosen[:, -1:])
        scores[:, -1:] = torch.where(lost, total.flatten(1).gather(1, path), scores[:, -1:])
        greedy = torch.where(alive[:, 0], (chosen == path).int().argmax(1), -1)
        slot = torch.arange(beams, device=self.device)
        ended = (total[..., end] >= worst) | (followed & (best == end) & (slot == beam))
        return _Continuations(chosen // vocabulary, chosen % vocabulary, scores, greedy, ended)

    def _finish(self, log_probs: Tensor, ended: Tensor) -> None:
        """Let the hypotheses that end here compete for a place among the K finished ones of their row."""
        scores = (self.scores + log_probs[..., self.config.eos_token_id]).masked_fill(~ended, -torch.inf)
        length = (self.time - len(self.prompt) + 1).clamp(min=0)[:, None].expand(-1, self.beams)
        self.pool_scores, chosen = torch.cat([self.pool_scores, scores], 1).topk(self.beams, dim=1)
        self.pool_length = torch.cat([self.pool_length, length], 1).gather(1, chosen)
        both = torch.cat([self.pool, self.history], 1)
        self.pool = both.gather(1, chosen[..., None].expand(-1, -1, self.max_steps))

    def _grow(self, steps: int) -> None:
        missing = steps * self.beams - self.lineage.shape[2]
        if missing > 0:
            extra = _GROWTH * self.beams
            self.token_cache = [(F.pad(k, (0, 0, 0, extra)), F.pad(v, (0, 0, 0, extra))) for k, v in self.token_cache]
            self.lineage = F.pad(self.lineage, (0, extra))
