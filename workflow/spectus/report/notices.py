"""What a reader should know before the results: failed runs, blind tests, silylated samples, doubtful ladders."""

from typing import Any

import yaml

from spectus.molecules.silylation import SILYL_IONS, look_silylated
from spectus.report.campaign import CampaignResults
from spectus.report.markup import count_text, names_text
from spectus.report.terms import VERDICTS
from spectus.retention.calibrate import nearest_ladders
from spectus.retention.ladder_check import ladder_doubts


def notices(campaign: CampaignResults) -> list[str]:
    """Return one sentence for each thing that a reader should know before the results."""
    parts = (_of_simulation, _of_runs, _of_tables, _of_settings, _of_share)
    found = [note for part in parts for note in part(campaign)]
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
    is_applied = _setting(campaign, "identify", "free_form_weight") != 0
    lower = " Candidates with free hydroxyl, carboxyl or thiol groups have been ranked lower." if is_applied else ""
    return (
        f"Most spectra have the ions m/z {first} and {second} of trimethylsilyl groups, so the samples were probably "
        "silylated. Set molecules.derivatives to [meox, tms] in the configuration. The predicted spectra ship." + lower
    )


def looks_silylated(campaign: CampaignResults) -> bool:
    """Tell whether most features have the ions of silyl groups."""
    features = campaign.table("features")
    return look_silylated(features["mz"].to_pylist(), features["intensity"].to_pylist())


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


_SMALL_SHARE = 0.5
"""Share of listed compounds below which a reader should know it. Chosen: the lists lack most of the compounds."""


def _of_share(campaign: CampaignResults) -> list[str]:
    text = campaign.parts["candidates"].metadata.get("estimated_listed_share", "")
    least = min(map(float, filter(None, text.split("; "))), default=1.0)  # several tables have several shares
    if least >= _SMALL_SHARE or _setting(campaign, "identify", "adapt_share") is False:
        return []
    return [
        f"By their spectra, the libraries and lists hold only about {least:.0%} of the compounds. Structures on no "
        "list are more probable for this reason."
    ]


def _setting(campaign: CampaignResults, section: str, key: str) -> Any:
    """Return a setting of the configuration; None if it is not set or cannot be read."""
    try:
        settings = yaml.safe_load(campaign.settings or "")
    except yaml.YAMLError:
        return None
    part = settings.get(section) if isinstance(settings, dict) else None
    return part.get(key) if isinstance(part, dict) else None
