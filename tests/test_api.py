"""The Python interface gives the tables of the command line as data frames."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spectus import api
from spectus.errors import InputError
from tests.deconvolution.made_runs import Eluting, made_run, spectrum
from tests.quantitation.synthetic import SyntheticRun, write_campaign

LIBRARY = """Name: toluene
SMILES: Cc1ccccc1
Num Peaks: 3
65 120; 91 999; 92 700

Name: phenol
SMILES: Oc1ccccc1
Num Peaks: 3
65 200; 66 300; 94 999
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.msp"
    path.write_text(LIBRARY)
    return path


def test_a_run_becomes_components() -> None:
    run = made_run([Eluting(spectrum(3), 60.0, 1e5), Eluting(spectrum(4), 90.0, 1e5)])
    components = api.deconvolve(run, min_snr=6.0)
    assert isinstance(components, pd.DataFrame)
    assert np.allclose(components.rt_s, [60.0, 90.0], atol=0.5)


def test_one_spectrum_as_arrays_in_any_order_and_scale(library: Path) -> None:
    hits = api.search(([94, 65, 66], [50.0, 10.0, 15.0]), [library])
    assert (hits.name[0], round(hits.score[0], 3), hits["query"][0]) == ("phenol", 1.0, "query 1")


def test_a_data_frame_keeps_its_names(library: Path) -> None:
    queries = pd.DataFrame({"name": ["mine", "empty"], "mz": [[91, 92], []], "intensity": [[10, 7], []]})
    hits = api.search(queries, [library], top=1)
    assert hits["query"].tolist() == ["mine", "empty"]
    assert hits.name[0] == "toluene"
    assert hits.reason[1] == "no peaks"


def test_a_data_frame_without_spectra_is_refused(library: Path) -> None:
    with pytest.raises(InputError, match="lacks the columns intensity, mz"):
        api.search(pd.DataFrame({"a": [1]}), [library])


def test_predicted_spectra_have_the_molecular_ion_and_a_base_peak() -> None:
    predicted = api.predict(["c1ccccc1", "[Na+].[Cl-]"])
    assert 78.0 in predicted.mz[0]
    assert predicted.intensity[0].max() == 1.0
    assert predicted.reason.notna().tolist() == [False, True]


def test_identify_ranks_what_the_libraries_name(library: Path) -> None:
    found = api.identify(([65, 91, 92], [120, 999, 700]), [library], model=None, reranker=None, top=1)
    assert (found.name[0], found.level[0], found["rank"][0]) == ("toluene", "2b", 1)


def test_denovo_proposes_structures() -> None:
    found = api.denovo(([77, 78, 51], [20, 100, 15]), beams=3)
    assert found.smiles.notna().any()
    assert (found.log_prob.dropna() <= 0).all()


def test_amounts_from_data_frames(tmp_path: Path) -> None:
    runs = [SyntheticRun(f"cal{n}", "calibrator", 1e5, 900.0 * n, float(n)) for n in (5, 10, 20, 50)]
    paths = write_campaign(tmp_path, [*runs, SyntheticRun("case", "sample", 5e4, 900.0 * 15)])
    frames = {name: pd.read_parquet(paths[name]) for name in ("features", "peak_areas")}
    sheet = pd.read_csv(paths["samples"], sep="\t")
    compounds = pd.DataFrame({"name": ["etizolam"], "rt_s": [615.0], "qualifiers": ["313"]})
    found = api.quantify(
        frames["features"], frames["peak_areas"], sheet, runs=[paths["runs"]], compounds=compounds,
        internal_standard="390", unit="ng/mL", chunk_runs=5,
    )  # fmt: skip
    assert set(found) >= {"amounts", "calibration_curves", "qc_runs"}
    row = found["amounts"].set_index("run").loc["case"]
    assert (row["compound"], row["unit"]) == ("etizolam", "ng/mL")
    assert row["amount"] == pytest.approx(30.0, rel=0.05)
    with pytest.raises(InputError, match="lacks the columns"):
        api.quantify(frames["features"].drop(columns="feature"), frames["peak_areas"], sheet)
