"""What a reader should know before the results: failed runs, blind tests, silylated samples, doubtful ladders."""

from typing import Any

import numpy as np
import yaml

from spectus.report.campaign import CampaignResults
from spectus.report.markup import count_text, names_text
from spectus.report.terms import VERDICTS
from spectus.retention.calibrate import nearest_ladders
from spectus.retention.ladder_check import ladder_doubts

SILYL_IONS = (73, 147)
"""m/z of trimethylsilyl, (CH3)3Si+, and of pentamethyldisiloxane, (CH3)2Si=OSi(CH3)3+, which two silyl groups give."""
_LEAST_SHARE = 0.05
"""Intensity that both ions must have, share of the base peak. Chosen: they are among the tallest peaks of most TMS
derivatives, and column bleed adds less."""
_MOST = 0.5
"""Share of the features that must have both ions. Chosen: most of them, as silylation adds the ions to each."""
_FEWEST_FEATURES = 5
"""Features that a campaign must have for the check. Chosen: with fewer, a share says little."""


def notices(campaign: CampaignResults) -> list[str]:
    """Return one sentence for each thing that a reader should know before the results."""
    found = [*_of_simulation(campaign), *_of_runs(campaign), *_of_tables(campaign), *_of_settings(campaign)]
    if campaign.curation.decisions:
        made = [decision.verdict for decision in campaign.curation.decisions.values()]
        counts = ", ".join(f"{made.count(verdict):,} {words}" for verdict, words in VERDICTS.items())
        found.append(f"Decisions of an analyst are applied: {counts}. Rejected features count as unknown.")
    return [*found, *suggestions(campaign)]


def suggestions(campaign: CampaignResults) -> list[str]:
    """Return one sentence for each thing that another run of the workflow should change."""
    note = silylation_notice(campaign)
    in_sheet = {sample.run for sample in campaign.samples}
    ladders = in_sheet & set(campaign.table("ri_standards")["run"].to_pylist())
    doubts = ladder_doubts(campaign.table("runs"), nearest_ladders(campaign.samples, ladders))
    return [*([note] if note else []), *doubts]


def silylation_notice(campaign: CampaignResults) -> str | None:
    """Return a suggestion if most features look silylated and no derivatives are searched; None otherwise."""
    if not looks_silylated(campaign) or _setting(campaign, "molecules", "derivatives"):
        return None
    first, second = SILYL_IONS
    return (
        f"Most spectra have the ions m/z {first} and {second} of trimethylsilyl groups, so the samples were probably "
        "silylated. Set molecules.derivatives to [meox, tms] in the configuration. The predicted spectra ship."
    )


def looks_silylated(campaign: CampaignResults) -> bool:
    """Tell whether most features have both SILYL_IONS."""
    features = campaign.table("features")
    if features.num_rows < _FEWEST_FEATURES:
        return False
    silylated = 0
    for masses, heights in zip(features["mz"].to_pylist(), features["intensity"].to_pylist(), strict=True):
        mz, intensity = np.asarray(masses or [], dtype=np.float64), np.asarray(heights or [], dtype=np.float64)
        least = _LEAST_SHARE * intensity.max(initial=0.0)
        tall = np.rint(mz[intensity >= least]) if least > 0 else mz[:0]
        silylated += all(ion in tall for ion in SILYL_IONS)
    return bool(silylated > _MOST * features.num_rows)


def _of_simulation(campaign: CampaignResults) -> list[str]:
    if campaign.ground_truth is None:
        return []
    return [
        "These runs are simulated, so their compounds are known. The number of compounds found is no measure of "
        "accuracy on real samples, least of all if the library has the spectra from which the runs were made."
    ]


def _of_runs(campaign: CampaignResults) -> list[str]:
    runs = campaign.table("runs")
    names = runs["run"].to_pylist()
    failed = [name for name, status in zip(names, runs["status"].to_pylist(), strict=True) if status != "ok"]
    absent = [sample.run for sample in campaign.samples if sample.run not in set(names)]
    found = []
    if failed:
        found.append(
            f"{count_text(failed, 'run')} could not be used: {names_text(failed)}. The table of runs gives the reason."
        )
    if absent:
        found.append(f"{count_text(absent, 'run')} of the sample sheet missing in the tables: {names_text(absent)}.")
    return found


def _of_tables(campaign: CampaignResults) -> list[str]:
    found = []
    if not campaign.table("ri_standards").num_rows:
        found.append("No ladder was found, so there are no retention indices and no identifications at level 2a.")
    if not campaign.parts["candidates"].files:
        found.append("The report was given no table of candidates, so every feature is shown as unknown.")
    if not campaign.table("features").num_rows:
        found.append("No feature was found in any run.")
    return found


def _of_settings(campaign: CampaignResults) -> list[str]:
    excluded = _setting(campaign, "search", "exclude")
    if not excluded:
        return []
    names = [excluded] if isinstance(excluded, str) else excluded
    return [
        f"This is a blind test: the compounds in {names_text(list(map(str, names)))} were left out of the libraries."
    ]


def _setting(campaign: CampaignResults, section: str, key: str) -> Any:
    """Return a setting of the configuration; None if it is not set or cannot be read."""
    try:
        settings = yaml.safe_load(campaign.settings or "")
    except yaml.YAMLError:
        return None
    part = settings.get(section) if isinstance(settings, dict) else None
    return part.get(key) if isinstance(part, dict) else None
