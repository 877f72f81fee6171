"""Beam search over many spectra at once, exact in its ranking and without copying a cache.

A decoding step is one pass over (B, K, D): the K beams of a spectrum take the place of a sentence's tokens. So the keys
and values of the peaks are stored once for each spectrum, and those of the tokens once for each step and beam, in slots
that beams share. A beam finds its own past through `lineage`, a mask over the slots. When the slots are full, those
from which no beam descends any more are dropped; little more than the common stem of the strings is left. A spectrum
whose answers are settled leaves its row, and a waiting one enters it, at its own step.

Hypotheses are ranked by the sum of their log-probabilities. One may end where its end is among the K best continuations
of its row, so one beam is greedy decoding. The sum only falls as tokens are added, so a spectrum is settled once its
K-th finished hypothesis is at least as likely as its best unfinished one. The greedy path always keeps a beam: the
first answer is never less likely than the greedy one.

Shapes: B rows (spectra), K beams of a row, S peaks, C slots of the token cache, H heads, D model width, V tokens.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spectus.denovo.constraints import Target
from spectus.denovo.encoding import EncodedSpectrum, collate
from spectus.denovo.guide import Guide
from spectus.denovo.modeling import SpectusNetwork, additive, peak_mask

_ROOM = 8  # steps that the token cache has room for before slots are dropped; chosen: dropping takes as long as a step
_LEAST_ROOM = 32  # slots added to the token cache, at least; chosen, for searches of few beams
_ENTER_SHARE = 8  # spectra enter once one row in 8 is free; chosen: encoding a few at a time costs less than each alone
_KEEP_SHARE = 4  # free rows are dropped once they are one in 4; chosen: dropping copies the caches
_PEAKS_SHARE = 0.8  # the peak cache is cut once the longest spectrum fills no more of it; chosen: cutting copies it
_PER_ROW = [
    *("peak_mask", "lineage", "time", "tokens", "scores", "history", "greedy"),
    *("pool_scores", "pool", "pool_length"),
]


class Hypothesis(NamedTuple):
    """A finished answer.

    Attributes
    ----------
    tokens
        Its tokens after the prompt, without the end token.
    log_prob
        Natural logarithm of its probability, the end token included.
    """

    tokens: list[int]
    log_prob: float


def beam_search(
    model: SpectusNetwork,
    spectra: Sequence[EncodedSpectrum],
    beams: int,
    batch_size: int,
    guide: Guide | None = None,
    targets: Sequence[Target | None] | None = None,
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """Decode strings for spectra.

    The answers of a spectrum do not depend on what else is in the batch, up to rounding in the arithmetic. The longest
    spectra come first, so that memory is at its highest in the beginning. Masked or not, the log-probabilities are the
    model's own.

    Parameters
    ----------
    model
        The network.
    spectra
        The spectra, (n,).
    beams
        Beams of a spectrum, and the largest number of its hypotheses.
    batch_size
        Spectra decoded together.
    guide
        Masks tokens after which a string cannot become an answer; None: nothing is masked.
    targets
        Formula or mass that the answers of each spectrum must have, (n,); they need a guide.

    Yields
    ------
    int
        Number of a spectrum, from 0, as it is settled.
    list of Hypothesis
        Its hypotheses, most probable first.

    Raises
    ------
    ValueError
        Targets without a guide.
    """
    if targets is not None and guide is None:
        raise ValueError("targets need a guide")
    waiting = sorted(range(len(spectra)), key=lambda index: (-len(spectra[index].mz), index))
    rows = min(batch_size, len(waiting))
    if rows == 0:
        return
    with torch.inference_mode():
        search = _Search(model, beams, rows, len(spectra[waiting[0]].mz), guide)
    occupant: list[int | None] = [None] * rows
    while True:
        with torch.inference_mode():
            free = [row for row, index in enumerate(occupant) if index is None]
            if waiting and len(free) >= max(1, min(rows // _ENTER_SHARE, len(waiting))):
                entering = list(zip(free, waiting, strict=False))
                del waiting[: len(entering)]
                search.enter(
                    [row for row, _ in entering],
                    [spectra[index] for _, index in entering],
                    [targets[index] if targets else None for _, index in entering],
                )
                for row, index in entering:
                    occupant[row] = index
            elif not waiting and len(free) >= max(1, len(occupant) // _KEEP_SHARE):
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
    """The best continuations of each row, by falling probability.

    Attributes
    ----------
    parents, tokens, scores
        Beams continued, tokens appended and log-probabilities, (B, K) each.
    greedy
        Beam of the greedy path, (B,); -1 once it has ended.
    ended
        Which of the present beams may end here, (B, K) bool.
    """

    parents: Tensor
    tokens: Tensor
    scores: Tensor
    greedy: Tensor
    ended: Tensor


class _Search:
    """The state of B rows of K beams. Rows without a spectrum idle with scores of minus infinity."""

    def __init__(self, model: SpectusNetwork, beams: int, rows: int, peaks: int, guide: Guide | None) -> None:
        config, device = model.config, model.device
        self.model, self.beams, self.config, self.device = model, beams, config, device
        self.prompt = torch.tensor([config.decoder_start_token_id, config.source_token_id], device=device)
        self.max_steps = min(config.max_length, config.decoder_max_position_embeddings)
        self.room = max(_ROOM * beams, _LEAST_ROOM)
        self.used = 0  # slots of the token cache written so far, the same for all rows
        self.peak_cache = self._cache(rows, peaks)  # (B, H, S, D / H) a layer
        self.peaks = torch.zeros(rows, dtype=torch.long)  # (B,) how many a row has
        self.peak_mask = torch.zeros(rows, 1, 1, peaks, device=device)  # an idle row's is of no matter
        self.token_cache = self._cache(rows, self.room)  # (B, H, C, D / H) a layer
        self.lineage = torch.zeros(rows, beams, self.room, dtype=torch.bool, device=device)  # (B, K, C)
        self.time = torch.zeros(rows, dtype=torch.long, device=device)  # (B,) position of the token being read
        self.tokens = torch.zeros(rows, beams, dtype=torch.long, device=device)  # (B, K) token being read
        self.scores = torch.full((rows, beams), -torch.inf, device=device)  # (B, K) of the unfinished
        self.history = torch.zeros(rows, beams, self.max_steps, dtype=torch.long, device=device)
        self.greedy = torch.full((rows,), -1, device=device)  # (B,) beam of the greedy path; -1 once it has ended
        self.pool_scores = torch.full((rows, beams), -torch.inf, device=device)  # (B, K) of the finished, falling
        self.pool = torch.zeros(rows, beams, self.max_steps, dtype=torch.long, device=device)
        self.pool_length = torch.zeros(rows, beams, dtype=torch.long, device=device)
        self.guide = guide.begin(rows, beams) if guide else None

    def enter(self, rows: list[int], spectra: list[EncodedSpectrum], targets: list[Target | None]) -> None:
        """Encode spectra and start them in the given rows, all of the prompt but its last token read."""
        batch = collate(spectra, self.device)
        at = torch.tensor(rows, device=self.device)
        self._fit_peaks(rows, [len(spectrum.mz) for spectrum in spectra])
        self._make_room(len(self.prompt) - 1)
        mask = peak_mask(batch.input_ids, batch.attention_mask)
        encoded = self.model.model.encoder(batch.input_ids, batch.position_ids, mask)
        size, slots = encoded.shape[1], slice(self.used, self.used + len(self.prompt) - 1)
        x = self.model.model.decoder.embed(self.prompt[:-1], torch.arange(len(self.prompt) - 1, device=self.device))
        x = x.expand(len(rows), -1, -1)
        for layer, own_cache, cache in zip(
            self.model.model.decoder.blocks, self.token_cache, self.peak_cache, strict=True
        ):
            own, peaks = layer.self_attn.keys_values(x), layer.encoder_attn.keys_values(encoded)
            for kept, new in zip(own_cache, own, strict=True):
                kept[at, :, slots] = new
            for kept, new in zip(cache, peaks, strict=True):
                kept[at, :, :size] = new
            x = layer(x, own, None, peaks, mask, causal=True)
        self.used = slots.stop
        self.peak_mask[at] = -torch.inf
        self.peak_mask[at, :, :, :size] = mask
        self.lineage[at] = False
        self.lineage[at, :, slots] = True
        self.time[at] = len(self.prompt) - 1
        self.tokens[at] = self.prompt[-1]
        self.scores[at] = -torch.inf
        self.scores[at, 0] = 0.0
        self.greedy[at] = 0
        self.pool_scores[at] = -torch.inf
        self.pool_length[at] = 0
        if self.guide:
            self.guide.restart(rows, targets)

    def keep(self, rows: list[int]) -> None:
        """Drop all other rows."""
        at = torch.tensor(rows, device=self.device)
        self.peak_cache = [(keys[at], values[at]) for keys, values in self.peak_cache]
        self.token_cache = [(keys[at], values[at]) for keys, values in self.token_cache]
        self.peaks = self.peaks[rows]
        for name in _PER_ROW:
            setattr(self, name, getattr(self, name)[at])
        if self.guide:
            self.guide.keep(rows)

    def step(self) -> list[int]:
        """Read one token in every beam of every row; returns the rows that are settled now."""
        log_probs = self._read()
        if self.guide:
            log_probs = log_probs.masked_fill(~self.guide.allowed(), -torch.inf)
        parents, tokens, scores, greedy, ended = self._advance(log_probs)
        self._finish(log_probs, ended)
        if self.guide:
            self.guide.advance(parents, tokens)
        self.history = self.history.gather(1, parents[..., None].expand_as(self.history))
        self.lineage = self.lineage.gather(1, parents[..., None].expand_as(self.lineage))
        self.history.scatter_(2, self._written()[:, None, None].expand(-1, self.beams, 1), tokens[..., None])
        self.tokens, self.scores, self.greedy, self.time = tokens, scores, greedy, self.time + 1
        done = (self.pool_scores[:, -1] >= self.scores[:, 0]) | (self.time >= self.max_steps)
        return done.nonzero().flatten().tolist()

    def answers(self, row: int) -> list[Hypothesis]:
        """Return the finished hypotheses of a row, best first; the row idles from now on."""
        scores, lengths = self.pool_scores[row].tolist(), self.pool_length[row].tolist()
        found = [
            Hypothesis(self.pool[row, beam, : lengths[beam]].tolist(), score)
            for beam, score in enumerate(scores)
            if score > -torch.inf
        ]
        self.scores[row] = -torch.inf
        self.peaks[row] = 0
        self.peak_mask[row] = 0.0  # attention to nothing would not be a number
        self.time[row] = 0
        self.greedy[row] = -1
        return found

    def _read(self) -> Tensor:
        """One decoder pass: (B, K, V) log-probabilities of the next token."""
        self._make_room(self.beams)
        slots = slice(self.used, self.used + self.beams)
        self.used = slots.stop
        beam = torch.arange(self.beams, device=self.device)
        self.lineage[:, beam, slots.start + beam] = True  # a beam sees the token it reads
        seen = additive(self.lineage[:, None])  # (B, 1, K, C)
        x = self.model.model.decoder.embed(self.tokens, self.time[:, None])  # (B, K, D)
        for layer, own, peaks in zip(self.model.model.decoder.blocks, self.token_cache, self.peak_cache, strict=True):
            for cache, new in zip(own, layer.self_attn.keys_values(x), strict=True):
                cache[:, :, slots] = new
            x = layer(x, own, seen, peaks, self.peak_mask)
        return F.log_softmax(self.model.logits(x).float(), dim=-1)

    def _written(self) -> Tensor:
        """(B,) tokens of a row's beams after the prompt; an idle row has none."""
        return (self.time - len(self.prompt) + 1).clamp(min=0)

    def _advance(self, log_probs: Tensor) -> _Continuations:
        """Find the K best continuations of each row, the greedy path among them, and which beams may end here."""
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
        scores = self._accepted(scores)
        length = self._written()[:, None].expand(-1, self.beams)
        self.pool_scores, chosen = torch.cat([self.pool_scores, scores], 1).topk(self.beams, dim=1)
        self.pool_length = torch.cat([self.pool_length, length], 1).gather(1, chosen)
        both = torch.cat([self.pool, self.history], 1)
        self.pool = both.gather(1, chosen[..., None].expand(-1, -1, self.max_steps))

    def _accepted(self, scores: Tensor) -> Tensor:
        """Return the scores (B, K) of those that end here, minus infinity for what does not meet its row's target."""
        if self.guide is None or not self.guide.has_targets():
            return scores
        written = self._written().tolist()
        for row, beam in (scores > self.pool_scores[:, -1:]).nonzero().tolist():
            if self.guide.has_target(row):
                tokens = self.history[row, beam, : written[row]].tolist()
                if not self.guide.accepts(row, tokens):
                    scores[row, beam] = -torch.inf
        return scores

    def _cache(self, rows: int, length: int) -> list[tuple[Tensor, Tensor]]:
        """Zeros, for what is masked out must still be a number."""
        config, heads = self.config, self.config.decoder_attention_heads
        shape = (rows, heads, length, config.d_model // heads)
        probe = torch.zeros(1, config.d_model, device=self.device)
        dtype = next(self.model.model.decoder.blocks).self_attn.k_proj(probe).dtype
        return [
            (torch.zeros(shape, dtype=dtype, device=self.device), torch.zeros(shape, dtype=dtype, device=self.device))
            for _ in range(config.decoder_layers)
        ]

    def _make_room(self, slots: int) -> None:
        """See that so many more slots can be written: forget those that no beam descends from, then grow."""
        if self.used + slots <= self.lineage.shape[2]:
            return
        alive = self.lineage.any(1) & (self.peaks > 0).to(self.device)[:, None]  # (B, C), none in idle rows
        most = int(alive.sum(1).max())
        order = alive.int().argsort(dim=1, descending=True, stable=True)[:, :most]  # (B, M)
        self.token_cache = [(self._moved(k, order), self._moved(v, order)) for k, v in self.token_cache]
        moved = self.lineage.gather(2, order[:, None].expand(-1, self.beams, -1))
        self.lineage = F.pad(moved, (0, self.room))
        self.used = most

    def _moved(self, cache: Tensor, order: Tensor) -> Tensor:
        """Return some slots (B, M) of a cache (B, H, C, D / H) in front of fresh ones."""
        rows, heads, slots, width = cache.shape
        first = torch.arange(rows * heads, device=self.device).view(rows, heads, 1) * slots
        kept = cache.flatten(0, 2).index_select(0, (first + order[:, None]).flatten())
        return F.pad(kept.view(rows, heads, -1, width), (0, 0, 0, self.room))

    def _fit_peaks(self, rows: list[int], counts: list[int]) -> None:
        """Cut the peak cache to the longest spectrum in it, where that saves a fifth: attention reads all of it."""
        self.peaks[rows] = torch.tensor(counts)
        longest, held = int(self.peaks.max()), self.peak_mask.shape[-1]
        if longest < _PEAKS_SHARE * held:
            self.peak_mask = self.peak_mask[..., :longest].contiguous()
            self.peak_cache = [
                (keys[:, :, :longest].contiguous(), values[:, :, :longest].contiguous())
                for keys, values in self.peak_cache
            ]
