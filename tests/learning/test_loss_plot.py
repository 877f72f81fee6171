from pathlib import Path
from xml.etree import ElementTree

from spectus.learning.loss_plot import draw_losses


def entry(network: str, step: int, loss: float, tuning: float | None) -> dict[str, object]:
    return {"network": network, "step": step, "loss": loss, "tuning_loss": tuning}


def test_a_panel_for_each_network_names_the_step_that_was_kept(tmp_path: Path) -> None:
    log = [entry("first", 10, 2.0, 1.5), entry("first", 20, 1.0, 1.6), entry("second", 10, 3.0, None)]
    draw_losses(log, tmp_path / "loss.svg")
    text = " ".join(ElementTree.parse(tmp_path / "loss.svg").getroot().itertext())
    assert "kept: 1.500, step 10" in text
    assert "first" in text
    assert "second" in text
    again = tmp_path / "again.svg"
    draw_losses(log, again)
    assert again.read_bytes() == (tmp_path / "loss.svg").read_bytes()
