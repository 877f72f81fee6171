"""Settings of structure editing; imports nothing heavy, since the command line reads the defaults here."""

from dataclasses import dataclass
from typing import Any, Self

from spectus.errors import InputError


@dataclass(frozen=True)
class EditingSettings:
    """How far structures are edited.

    Attributes
    ----------
    candidates
        Structures that are written for each query, at most.
    beams
        Structures that SpecTUS writes for a query that is edited, at most. Chosen: among 20 of them is the right
        one for 43 % of 47 compounds of a valid split, among 60 for 51 %, in three times the time (1 instead of 0.3
        CPU s).
    seeds
        Hits of each query that take part, those that are likeliest relatives of the compound.
    first_parents
        Of these hits and SpecTUS's structures, those that the first round edits.
    rounds
        Times that the best structures are edited again.
    parents
        Structures that are edited in a round after the first.
    proposals
        Edits of each parent that are considered, at most.
    made
        Best of these edits of all parents, which are made.
    screened
        New structures of a round that a faster prediction model compares with the spectrum.
    scored
        Best of these, which are scored.
    masses
        Most probable molecular masses that are considered, at most.
    mass_share
        Probability that these masses have together, at least.
    read
        Best structures that SpecTUS reads, for their log-probability.
    library_score
        A query with a measured hit of this score is left out, 0-1; as in `IdentifySettings`.
    mass_weight, edit_weight, log_prob_weight
        Weights of the logarithms of the mass's probability, of the edit's odds, and of SpecTUS's probability, beside
        the scorer's log-odds. Chosen by conditional logits on the pools of
        40 compounds of a valid split and of 30 of other sources: each fit serves the other set as well as its own.
    own_seeds
        Edit SpecTUS's own structures where a query has no hits, too.
    substructure
        SMARTS that all candidates have; None: any structure.
    parent_weight
        Weight of a parent's score in the choice of the edits that are scored, beside the logarithms of the edit's odds
        and of the mass's probability.
    hit_votes, model_votes, vote_floor
        Weights of the masses of the hits and of SpecTUS's structures beside that of the spectrum, and the share of a
        mass that none of them has. Chosen on 150 compounds of a valid split and 48 of other sources, for which they
        leave the mass among ten in 92 and 98 %.
    """

    candidates: int = 50
    beams: int = 40
    seeds: int = 30
    first_parents: int = 40
    rounds: int = 3
    parents: int = 12
    proposals: int = 400
    made: int = 2000
    screened: int = 700
    scored: int = 90
    masses: int = 8
    mass_share: float = 0.97
    read: int = 200
    library_score: float = 0.8
    mass_weight: float = 0.3
    edit_weight: float = 0.1
    log_prob_weight: float = 0.2
    parent_weight: float = 0.4
    hit_votes: float = 0.5
    model_votes: float = 0.3
    vote_floor: float = 0.005
    own_seeds: bool = False
    substructure: str | None = None

    @classmethod
    def of_effort(cls, effort: str, **more: Any) -> Self:
        """Return the settings of an effort.

        Parameters
        ----------
        effort
            Of `EFFORTS`.
        more
            Fields that differ.

        Raises
        ------
        InputError
            No such effort.
        """
        if effort not in EFFORTS:
            raise InputError(f"--effort {effort}", "is no effort", f"take one of {', '.join(EFFORTS)}")
        return cls(**{**EFFORTS[effort], **more})


EFFORTS: dict[str, dict[str, Any]] = {
    "low": {"beams": 20, "rounds": 2, "parents": 8, "made": 1000, "screened": 350, "scored": 60, "read": 100},
    "normal": {},
    "high": {
        "beams": 80,
        "seeds": 50,
        "first_parents": 80,
        "rounds": 4,
        "parents": 20,
        "proposals": 1500,
        "made": 8000,
        "screened": 2000,
        "scored": 300,
        "read": 400,
        "own_seeds": True,
    },
}
"""Settings by effort: what differs from the defaults, which are those of "normal"."""

DEFAULT_EFFORT = "normal"
