"""The settings of `spectus train forward`, read from YAML."""

from dataclasses import dataclass, field
from pathlib import Path

from spectus.learning.fit import Plan
from spectus.learning.settings import read_settings
from spectus.prediction.neims.network import NeimsConfig
from spectus.rerank.dual_encoder import DualEncoderConfig

_NEW_NAMES = {
    "judge_queries": "reranker_queries",
    "recogniser": "dual_encoder",
    "recogniser_plan": "dual_encoder_plan",
}
"""Keys of version 0.3, and what they are called now."""


@dataclass(frozen=True)
class Augmentation:
    """Changes to a measured spectrum that another instrument could show, for the dual encoder."""

    intensity_jitter: float = 0.15  # standard deviation of ln(intensity)
    tilt: float = 0.35  # of the slope of ln(intensity) over 150 Th: mass discrimination
    drop_share: float = 0.1  # probability of losing a peak at 2 % of the base peak; falls with its intensity
    low_mass_cut: float = 0.3  # probability that the scan starts at a random m/z between 25 and 60
    background_peaks: float = 2.0  # mean number of foreign peaks
    background_height: float = 0.02  # highest foreign peak, of the base peak
    feature_dropout: float = 0.25  # of a molecule's features


@dataclass(frozen=True)
class ForwardSettings:
    """`choosing_share` of the train split's compounds are kept out of a first fitting, which finds the numbers of steps
    and the weights of the reranker; the networks that ship are then fitted on the whole split for those numbers of
    steps."""

    seed: int = 1
    choosing_share: float = 0.13
    least_compounds: int = 5  # a feature enters the vocabularies if so many training compounds have it
    reranker_queries: int = 1000  # spectra that the reranker is fitted on, of unknown compounds and of known ones each
    known_share: float = 0.1  # how often the compound of a query is one that the model was trained on, as reranked
    shortlist: int = 200  # candidates of each of these queries, the best by cosine
    neims: NeimsConfig = field(default_factory=NeimsConfig)
    neims_plan: Plan = field(default_factory=Plan)
    dual_encoder: DualEncoderConfig = field(default_factory=DualEncoderConfig)
    dual_encoder_plan: Plan = field(default_factory=Plan)
    augmentation: Augmentation = field(default_factory=Augmentation)

    @classmethod
    def read(cls, path: Path) -> "ForwardSettings":
        """Read YAML with these keys; a mistyped one is an error."""
        return read_settings(path, cls, _NEW_NAMES)
