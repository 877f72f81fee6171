"""What a server takes, how much of it at once, and for how long it keeps the answers."""

from dataclasses import dataclass

from spectus.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Settings of a server.

    Attributes
    ----------
    beams: fewest beams of a request; see `width`.
    max_candidates: most structures one request may ask for.
    batch_size: spectra decoded together; 0: as many as fit into the device's memory, a fixed number on a CPU.
    workers: threads that decode, each a batch of its own; 0: one on a GPU, one a core on a CPU, up to 4.
    max_peaks: most peaks of a spectrum; the model's own limit holds beside it.
    max_body: largest body of a request, bytes.
    max_waiting: requests that may wait to be decoded.
    max_kept: answers kept to be fetched; the oldest goes first.
    keep_s: how long an answer is kept, s.

    Raises
    ------
    InputError: a setting that is not above 0.
    """

    beams: int = 10
    max_candidates: int = 50
    batch_size: int = 0
    workers: int = 0
    max_peaks: int = 300
    max_body: int = 131_072
    max_waiting: int = 1000
    max_kept: int = 10_000
    keep_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            option = f"--{name.removesuffix('_s').replace('_', '-')} {value}"
            if name in ("batch_size", "workers"):
                if value < 0:
                    raise InputError(option, "is below 0", "give 1 or more, or 0 for the default")
            elif not value > 0:
                raise InputError(option, "is not above 0", "give a larger one")
        if self.beams > self.max_candidates:
            raise InputError(
                f"--beams {self.beams}", f"is more than --max-candidates {self.max_candidates}", "raise that as well"
            )

    def width(self, candidates: int) -> int:
        """Beams for a request: `beams`, doubled until they are as many as the candidates asked for.

        The width follows from the request alone, never from what else waits, so the same request has the same answer;
        and the steps are coarse, so that requests of different sizes share a batch. The first three candidates of a
        request for 3 are the first three of a request for 8.
        """
        width = self.beams
        while width < candidates:
            width *= 2
        return min(width, self.max_candidates)
