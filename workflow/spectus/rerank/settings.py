"""The settings of `spectus train reranker`, read from YAML."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from spectus.learning.fit import Plan
from spectus.learning.settings import read_settings
from spectus.rerank.dual_encoder import DualEncoderConfig

_NEW_NAMES = {
    "choosing_share": "tuning_share",
    "judge_queries": "queries",
    "reranker_queries": "queries",
    "recogniser": "dual_encoder",
    "recogniser_plan": "plan",
    "dual_encoder_plan": "plan",
}
"""Keys of version 0.3, and what they are called now."""

_OF_NEIMS = frozenset({"neims", "neims_plan"})
"""Keys for NEIMS, which version 0.3 had in the same file."""


@dataclass(frozen=True)
class InstrumentVariation:
    """Changes to a measured spectrum that another instrument could show, for the dual encoder. Chosen on a tuning set.

    Attributes
    ----------
    intensity_jitter : float
        Standard deviation of ln(intensity).
    tilt : float
        Standard deviation of the slope of ln(intensity) over 150 Th: mass discrimination.
    drop_share : float
        Probability of losing a peak at 2 % of the base peak; it falls with the intensity.
    low_mass_cut : float
        Probability that the scan starts at a random m/z between 25 and 60.
    background_peaks : float
        Mean number of foreign peaks.
    background_height : float
        Highest foreign peak, of the base peak.
    feature_dropout : float
        Share of a molecule's substructures that are dropped.
    """

    intensity_jitter: float = 0.15
    tilt: float = 0.35
    drop_share: float = 0.1
    low_mass_cut: float = 0.3
    background_peaks: float = 2.0
    background_height: float = 0.02
    feature_dropout: float = 0.25


@dataclass(frozen=True)
class RerankerSettings:
    """Settings of a training of a reranker.

    Attributes
    ----------
    kind : str
        "reranker".
    seed : int
        Of the draw of the tuning set, the first weights and the batches. Take that of the prediction model.
    tuning_share : float
        Share of the train split's compounds in the tuning set. It finds the number of steps, and the weights of the
        pair features are fitted on it. Take that of the prediction model.
    least_compounds : int
        A substructure is read if so many training compounds have it.
    queries : int
        Spectra on which the weights are fitted: so many of compounds of the tuning set, and so many of others.
    known_share : float
        Assumed share of queries of compounds from which the models learned, 0-1. Chosen: such a compound is mostly
        found in a measured library first.
    shortlist : int
        Candidates of each of these queries, the best by cosine.
    dual_encoder : DualEncoderConfig
        Sizes of the dual encoder.
    plan : Plan
        Schedule of each fitting of the dual encoder.
    augmentation : InstrumentVariation
        Changes to its spectra.
    """

    kind: str = "reranker"
    seed: int = 1
    tuning_share: float = 0.13
    least_compounds: int = 5
    queries: int = 1000
    known_share: float = 0.1
    shortlist: int = 200
    dual_encoder: DualEncoderConfig = field(default_factory=DualEncoderConfig)
    plan: Plan = field(default_factory=Plan)
    augmentation: InstrumentVariation = field(default_factory=InstrumentVariation)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read YAML with these keys; a mistyped one is an error."""
        return read_settings(path, cls, _NEW_NAMES, _OF_NEIMS)
