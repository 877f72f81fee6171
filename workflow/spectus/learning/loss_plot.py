"""The plot of a training: losses over the steps, one panel for each network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectus.files import replacing

_TRAINING, _TUNING = "#1f6f8b", "#c8553d"
"""Colors of the two losses. Chosen: they differ in lightness too."""


def draw_losses(log: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the log of one or several fittings as SVG; the same log gives the same file.

    Parameters
    ----------
    log
        Rows as in log.parquet.
    path
        The file.
    """
    networks = list(dict.fromkeys(entry["network"] for entry in log))
    figure = Figure(figsize=(6.4, 2.8 * len(networks)), layout="constrained")
    panels = figure.subplots(len(networks), squeeze=False)[:, 0]
    for panel, network in zip(panels, networks, strict=True):
        _draw(panel, [entry for entry in log if entry["network"] == network])
        panel.set_title(network, loc="left", fontsize=10)
    with rc_context({"svg.hashsalt": "spectus", "svg.fonttype": "none"}), replacing(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def _draw(panel: Axes, entries: Sequence[Mapping[str, Any]]) -> None:
    steps = [entry["step"] for entry in entries]
    panel.plot(steps, [entry["loss"] for entry in entries], color=_TRAINING, marker=".", label="training")
    tuning = [(entry["tuning_loss"], entry["step"]) for entry in entries if entry["tuning_loss"] is not None]
    if tuning:
        losses, at = zip(*tuning, strict=True)
        lowest, kept = min(tuning)
        panel.plot(at, losses, color=_TUNING, marker=".", label="tuning set")
        label = f"kept: {lowest:.3f}, step {kept}"
        panel.plot(kept, lowest, "o", color=_TUNING, fillstyle="none", markersize=9, label=label)
    panel.set_xlabel("step")
    panel.set_ylabel("loss")
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=8)
