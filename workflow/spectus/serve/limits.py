"""Settings of a server: which requests it accepts, how many at a time, and how long it keeps the answers."""

from dataclasses import dataclass

from spectus.errors import InputError


@dataclass(frozen=True)
class ServerLimits:
    """Settings of a server.

    All defaults are chosen, none is measured, but for `beams` and `max_peaks`: the published model was evaluated with
    10 beams, and it takes 300 peaks.

    Attributes
    ----------
    beams : int
        Smallest beam width of a request; see `width`.
    max_candidates : int
        Largest number of structures of one request.
    batch_size : int
        Spectra decoded together. 0: as many as fit into the memory of a GPU, a fixed number on a CPU.
    workers : int
        Threads that decode, each with its own batch. 0: one on a GPU, one for each core of a CPU, at most 4.
    max_peaks : int
        Largest number of peaks of a spectrum. The limit of the model applies as well.
    max_body : int
        Largest body of a request, bytes.
    max_run : int
        Largest raw run, bytes.
    body_s : float
        Longest time until the body of a request has arrived, s; a raw run has `run_body_s`.
    max_waiting : int
        Largest number of waiting requests. Further requests get HTTP 503 with Retry-After.
    max_kept : int
        Largest number of stored answers; the oldest is deleted first.
    keep_s : float
        Time for which an answer is stored, s.

    Raises
    ------
    InputError
        A setting is not above 0, or `beams` is larger than `max_candidates`.
    """

    beams: int = 10
    max_candidates: int = 50
    batch_size: int = 0
    workers: int = 0
    max_peaks: int = 300
    max_body: int = 131_072
    max_run: int = 536_870_912
    body_s: float = 30.0
    max_waiting: int = 1000
    max_kept: int = 10_000
    keep_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, value in vars(self).items():
            option = f"--{name.removesuffix('_s').replace('_', '-')} {value}"
            if name in ("batch_size", "workers"):
                if value < 0:
                    raise InputError(option, "is below 0", "give 1 or more, or 0 for the default")
            elif not value > 0:
                raise InputError(option, "is not above 0", "give a larger number")
        if self.beams > self.max_candidates:
            raise InputError(
                f"--beams {self.beams}",
                f"is more than --max-candidates {self.max_candidates}",
                "raise --max-candidates as well",
            )

    @property
    def run_body_s(self) -> float:
        """Longest time until a raw run has arrived, s. Chosen: 512 MB arrive in 10 minutes at 7 Mbit/s."""
        return 20 * self.body_s

    def width(self, candidates: int) -> int:
        """Return the beam width of a request: `beams`, doubled until it reaches the number of candidates.

        The width depends on the request alone and not on other requests, so the same request always has the same
        answer. The steps are coarse, so that requests of different sizes share a batch. The three candidates of a
        request for 3 are the first three of a request for 8.

        Parameters
        ----------
        candidates : int
            Number of structures that the request asks for.
        """
        width = self.beams
        while width < candidates:
            width *= 2
        return min(width, self.max_candidates)
