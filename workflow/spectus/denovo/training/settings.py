"""Settings of the training of SpecTUS, read from YAML."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from spectus.denovo.modeling import SpectusNetworkConfig
from spectus.learning.fit import Plan
from spectus.learning.settings import read_settings


@dataclass(frozen=True)
class Augmentation:
    """Changes to a spectrum that another run of the same compound could show; 0 switches one off.

    Attributes
    ----------
    intensity_jitter : float
        Standard deviation of ln(intensity).
    tilt : float
        Standard deviation of the slope of ln(intensity) over 150 Th: mass discrimination.
    drop_share : float
        Probability of losing a peak at 1 % of the base peak; it falls with the intensity.
    noise_floor : float
        Highest noise floor, of the base peak; low ones are more frequent.
    background_peaks : float
        Mean number of foreign peaks.
    background_height : float
        Highest foreign peak, of the base peak.
    residue : float
        Probability that a co-eluting neighbor left some of its ions.
    residue_height : float
        Largest share of the neighbor's intensity that is left.
    low_mass_cut : float
        Probability that the scan starts at a random m/z between 30 and 60.
    most_peaks : int
        Number of the highest peaks that are kept.
    saturation : float
        Probability that the strongest ions are clipped, down to 0.3 of the base peak.
    """

    intensity_jitter: float = 0.0
    tilt: float = 0.0
    drop_share: float = 0.0
    noise_floor: float = 0.0
    background_peaks: float = 0.0
    background_height: float = 0.02
    residue: float = 0.0
    residue_height: float = 0.05
    low_mass_cut: float = 0.0
    most_peaks: int = 300
    saturation: float = 0.0


@dataclass(frozen=True)
class Synthesis:
    """How spectra of a molecule list are predicted while training.

    Attributes
    ----------
    per_measured : float
        In finetuning: molecules of the list that are drawn for each measured spectrum.
    like_measured : float
        0: molecules are drawn evenly; 1: so that their masses are distributed as the measured ones.
    uncertain : float
        Share of the batches that are predicted with the prediction model's dropout on.
    random_smiles : float
        Share of the molecules whose SMILES is written from a random atom on.
    """

    per_measured: float = 0.0
    like_measured: float = 0.0
    uncertain: float = 0.0
    random_smiles: float = 0.0


@dataclass(frozen=True)
class Stage:
    """One of the two steps of a training.

    Attributes
    ----------
    dropout : float
        Stands for the model's own while this stage lasts.
    label_smoothing : float
        Of the cross-entropy.
    plan : Plan
        The schedule.
    synthesis : Synthesis
        Predicted spectra.
    augmentation : Augmentation
        Changes to all spectra.
    """

    dropout: float = 0.1
    label_smoothing: float = 0.0
    plan: Plan = field(default_factory=Plan)
    synthesis: Synthesis = field(default_factory=Synthesis)
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training of SpecTUS.

    Attributes
    ----------
    seed : int
        Of the first weights, the order of the batches and all chance.
    model : SpectusNetworkConfig
        Sizes of the network.
    pretrain, finetune : Stage
        The two steps.
    """

    seed: int = 1
    model: SpectusNetworkConfig = field(default_factory=SpectusNetworkConfig)
    pretrain: Stage = field(default_factory=Stage)
    finetune: Stage = field(default_factory=Stage)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read YAML with the keys seed, model, pretrain, finetune."""
        return read_settings(path, cls)
