"""Settings of the training of SpecTUS."""

from dataclasses import dataclass, field
from pathlib import Path

from spectus.denovo.modeling import SpectusNetworkConfig
from spectus.learning.fit import Plan
from spectus.learning.settings import read_settings


@dataclass(frozen=True)
class Augmentation:
    """Changes to a spectrum that another run of the same compound could show; 0 switches one off."""

    intensity_jitter: float = 0.0  # standard deviation of ln(intensity)
    tilt: float = 0.0  # of the slope of ln(intensity) over 150 Th: mass discrimination
    drop_share: float = 0.0  # probability of losing a peak at 1 % of the base peak; falls with its intensity
    noise_floor: float = 0.0  # highest floor, of the base peak; small ones are more frequent
    background_peaks: float = 0.0  # mean number of foreign peaks
    background_height: float = 0.02  # highest foreign peak, of the base peak
    residue: float = 0.0  # probability that a co-eluting neighbour left some of its ions
    residue_height: float = 0.05  # highest share of the neighbour's intensity that is left
    low_mass_cut: float = 0.0  # probability that the scan starts at a random m/z between 30 and 60
    most_peaks: int = 300  # the highest ones that are kept
    saturation: float = 0.0  # probability that the strongest ions are clipped, down to 0.3 of the base peak


@dataclass(frozen=True)
class Synthesis:
    """How spectra of a list of molecules are made while training."""

    per_measured: float = 0.0  # in finetuning: molecules of the list drawn for each measured spectrum
    like_measured: float = 0.0  # 0: molecules are drawn evenly; 1: so that their masses are spread as the measured ones
    uncertain: float = 0.0  # share of the batches predicted with the forward model's dropout on
    random_smiles: float = 0.0  # share of the molecules whose SMILES is written from a random atom on


@dataclass(frozen=True)
class Stage:
    """One of the two steps of a training. `dropout` stands for the model's own while this stage lasts."""

    dropout: float = 0.1
    label_smoothing: float = 0.0
    plan: Plan = field(default_factory=Plan)
    synthesis: Synthesis = field(default_factory=Synthesis)
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class TrainingSettings:
    seed: int = 1
    model: SpectusNetworkConfig = field(default_factory=SpectusNetworkConfig)
    pretrain: Stage = field(default_factory=Stage)
    finetune: Stage = field(default_factory=Stage)

    @classmethod
    def read(cls, path: Path) -> "TrainingSettings":
        """Read YAML with the keys seed, model, pretrain, finetune."""
        return read_settings(path, cls)
