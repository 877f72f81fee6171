"""The settings of `spectus train reranker`, read from YAML."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from spectus.learning.fit import Plan
from spectus.learning.settings import read_settings
from spectus.rerank.dual_encoder import DualEncoderConfig
from spectus.rerank.fitting import RankerSettings, Situations
from spectus.rerank.query_lists import ListSettings


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
        Of the first weights and the batches of the dual encoder.
    least_compounds : int
        A substructure is read if so many training compounds have it.
    lists : ListSettings
        Queries and candidates on which the ranker is fitted.
    situations : Situations
        How often the compound of a query is where.
    ranker : RankerSettings
        How the ranker is fitted.
    dual_encoder : DualEncoderConfig
        Sizes of the dual encoder.
    plan : Plan
        Schedule of each fitting of the dual encoder.
    augmentation : InstrumentVariation
        Changes to its spectra.
    """

    kind: str = "reranker"
    seed: int = 1
    least_compounds: int = 5
    lists: ListSettings = field(default_factory=ListSettings)
    situations: Situations = field(default_factory=Situations)
    ranker: RankerSettings = field(default_factory=RankerSettings)
    dual_encoder: DualEncoderConfig = field(default_factory=DualEncoderConfig)
    plan: Plan = field(default_factory=Plan)
    augmentation: InstrumentVariation = field(default_factory=InstrumentVariation)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read YAML with these keys; a mistyped one is an error."""
        return read_settings(path, cls)
