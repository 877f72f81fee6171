"""Settings of `spectus search` and `spectus identify`; the command line reads the defaults here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchSettings:
    """How spectral libraries are searched.

    Attributes
    ----------
    top
        Hits in measured libraries to keep for each query.
    min_score
        Lowest score of a hit in a measured library, 0-1. Chosen: hits below .5 are mostly chance. Predicted spectra
        have no lowest score: that of the right structure is often below .5.
    ri_tolerance
        Scale of the retention index penalty, index units. Chosen: the spread between laboratories on similar columns.
    any_ionization
        Also search records and queries that say they are not from electron ionization.
    top_predicted
        Hits in predicted libraries to keep for each query. Chosen: among 100 of each of two prediction models is the
        right structure of 86 to 90 % of spectra of underivatized compounds, and more cost time in proportion.
    exclude_predicted
        Leave excluded compounds out of predicted libraries, too.
    """

    top: int = 10
    min_score: float = 0.5
    ri_tolerance: float = 20.0
    any_ionization: bool = False
    top_predicted: int = 100
    exclude_predicted: bool = False


@dataclass(frozen=True)
class IdentifySettings:
    """How candidates are ranked, and which identification level they get.

    Attributes
    ----------
    top
        Candidates to keep for each query.
    library_score
        A hit of this score in a measured library may reach level 2, 0-1. Chosen. Without a reranker it goes before
        every other candidate.
    ri_window
        Largest retention index difference of a level 2a identification, index units. Chosen.
    suspects
        Suspect lists: names of lists that ship, or paths.
    explained
        Candidates of each query whose peaks are explained by subformulae. Chosen: a person looks at the first few.
    cas_weight
        Change of the logarithm of the odds of a listed candidate for each decade of its CAS number; 0: the number does
        not count. Fitted with the priors of the other sources (`rerank.pair_features.SourcePriors`).
    free_form_weight
        Change of the same for each group of a candidate that silylation would have changed, if most of the queries look
        silylated; 0: free forms count as any other. Chosen as in `SourcePriors`.
    listed_share
        Expected share of queries whose compound a measured library or a list of molecules holds, 0-1. The default is
        the share that the reranker was fitted with.
    adapt_share
        Estimate the share of listed compounds from the queries (`identify.listed_share`); else `listed_share` holds.
    """

    top: int = 20
    library_score: float = 0.8
    ri_window: float = 20.0
    suspects: tuple[str, ...] = ("priority_pollutants",)
    explained: int = 3
    cas_weight: float = -0.43
    free_form_weight: float = -1.5
    listed_share: float = 0.7
    adapt_share: bool = True
