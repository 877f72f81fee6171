import hashlib
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from spectus import cli, plan, tables
from spectus.errors import InputError
from spectus.identify.search import search_libraries
from spectus.identify.settings import SearchSettings
from spectus.library.parquet import predicted_by
from spectus.library.records import read_spectra
from spectus.prediction.compact import compacted, peak_lists
from spectus.prediction.library import named_library, shipped_library, write_predicted_library
from spectus.prediction.neims.model import NeimsModel
from spectus.prediction.registry import load_prediction_model
from spectus.prediction.settings import SHIPPED_LIBRARIES, PredictSettings
from tests.prediction.series import spectrum


def molecules(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "molecules.smi"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_search_finds_the_molecule_in_the_predicted_library(model: Path, tmp_path: Path) -> None:
    """The compounds are of the split valid: the spectra asked for were never seen."""
    listed = molecules(tmp_path, *(f"{'C' * n}{end}" for n in range(3, 10) for end in ("", "O", "N")))
    assert cli.main(["forward", str(listed), "--model", str(model), "--out", str(tmp_path / "p.parquet")]) == 0
    mz, intensity = spectrum("CCCCCCO")
    query = tmp_path / "q.msp"
    peaks = "".join(f"{mass} {height}\n" for mass, height in zip(mz, intensity, strict=True))
    query.write_text(f"Name: q\nNum Peaks: {len(mz)}\n{peaks}")
    search_libraries(query, [tmp_path / "p.parquet"], tmp_path / "hits.parquet", SearchSettings(top=3, min_score=0.1))
    hits = tables.read(tmp_path / "hits.parquet", tables.LIBRARY_HITS).to_pylist()
    assert (hits[0]["smiles"], hits[0]["formula"], hits[0]["library"]) == ("CCCCCCO", "C6H14O", "p")
    assert hits[0]["score"] > 0.8


def test_molecules_that_cannot_be_predicted_are_counted_and_kept_with_the_reason(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = molecules(tmp_path, "CCO ethanol", "nope x", "C[Hg]C", "CCO ethanol", "CCCN")
    write_predicted_library(listed, str(model), tmp_path / "p.parquet")
    printed = capsys.readouterr().out
    assert "3 of 5 molecules predicted" in printed
    assert "1 not: no molecule" in printed
    rows = read_spectra(tmp_path / "p.parquet").to_pylist()
    assert [row["name"] for row in rows] == ["ethanol", "x", "entry 2", "ethanol#2", "entry 4"]
    assert [row["reason"] is None for row in rows] == [True, False, False, True, True]
    assert rows[0]["inchikey"] == "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
    assert rows[1]["mz"] == []
    metadata = pq.read_schema(tmp_path / "p.parquet").metadata
    assert metadata[b"predicted_by"] == b"model"
    assert len(metadata[b"model_sha256"]) == 64


def test_chunks_together_are_the_whole(model: Path, tmp_path: Path) -> None:
    listed = molecules(tmp_path, *("C" * n for n in range(2, 9)))
    for chunk in ((1, 1), (1, 2), (2, 2)):
        out = tmp_path / f"{chunk[0]}-{chunk[1]}.parquet"
        write_predicted_library(listed, model, out, PredictSettings(chunk=chunk))
    whole, odd, even = (read_spectra(tmp_path / f"{name}.parquet").to_pylist() for name in ("1-1", "1-2", "2-2"))
    merged = sorted([*odd, *even], key=lambda row: len(row["smiles"]))
    assert [(row["smiles"], row["mz"], row["intensity"]) for row in merged] == [
        (row["smiles"], row["mz"], row["intensity"]) for row in whole
    ]


def test_blocks_do_not_show(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = molecules(tmp_path, *("C" * n + " a" for n in range(2, 9)))
    write_predicted_library(listed, str(model), tmp_path / "whole.parquet")
    monkeypatch.setattr("spectus.prediction.library._ROWS_AT_ONCE", 3)
    write_predicted_library(listed, str(model), tmp_path / "blocks.parquet")
    assert read_spectra(tmp_path / "whole.parquet").equals(read_spectra(tmp_path / "blocks.parquet"))


def test_the_highest_peaks_are_kept_in_ascending_order() -> None:
    spectra = np.zeros((2, 50), np.float32)
    spectra[0, [10, 20, 30, 40]] = (0.2, 1.0, 0.5, 1e-7)
    mz, intensity = peak_lists(spectra, 2)
    assert mz.to_pylist() == [[20.0, 30.0], []]
    assert intensity.to_pylist()[0] == pytest.approx([1.0, 0.5], abs=0.003)
    mz, _ = peak_lists(spectra, 50)
    assert mz.to_pylist() == [[10.0, 20.0, 30.0], []]
    assert compacted(spectra, 2)[0, [20, 30]].tolist() == intensity.to_pylist()[0]
    assert np.count_nonzero(compacted(spectra, 2)) == 2


def test_a_molecule_of_a_library_takes_at_most_150_bytes(tmp_path: Path, shared: Path) -> None:
    """Dense spectra, the worst case, beside real structures."""
    from spectus.molecules.reading import read_molecules
    from spectus.prediction.library import _Rows

    listed = list(read_molecules(shared / "molecules_gc.smi.xz"))[::200]
    spectra = np.random.default_rng(0).random((len(listed), 640)).astype(np.float32) ** 8
    rows = _Rows(load_prediction_model("neims"), 50).rows_of(listed, spectra, [None] * len(listed))
    tables.write(rows, tmp_path / "p.parquet", tables.SPECTRA)
    assert (tmp_path / "p.parquet").stat().st_size / len(listed) <= 150


def test_what_cannot_be_used_is_named(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    with pytest.raises(InputError, match=r"no molecule that can be predicted \(no molecule: 1\)"):
        write_predicted_library(molecules(tmp_path, "nope"), str(model), out)
    assert not out.exists()
    with pytest.raises(InputError, match="the chunk is empty"):
        write_predicted_library(molecules(tmp_path, "CCO"), str(model), out, PredictSettings(chunk=(2, 2)))
    with pytest.raises(InputError, match="no such folder"):
        write_predicted_library(molecules(tmp_path, "CCO"), str(tmp_path / "absent"), out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "bart"}')
    with pytest.raises(InputError, match="is no prediction model"):
        write_predicted_library(molecules(tmp_path, "CCO"), str(tmp_path / "other"), out)
    with pytest.raises(InputError, match="not a number of peaks"):
        write_predicted_library(molecules(tmp_path, "CCO"), str(model), out, PredictSettings(peaks=0))


def test_weights_of_another_network_are_refused(model: Path, tmp_path: Path) -> None:
    import json
    import shutil

    shutil.copytree(model, tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["neims"]["width"] = 8
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="do not fit"):
        NeimsModel.load(tmp_path / "m")
    assert math.isfinite(NeimsModel.load(model).predict(["CCO"])[0].sum())


def test_cas_numbers_have_a_column(model: Path, tmp_path: Path) -> None:
    """One with a wrong check digit is no CAS number. A compound without a name is called by its number."""
    (tmp_path / "list.csv").write_text("smiles,name,cas\nCCO,ethanol,64-17-5\nCCN,ethylamine,75-04-8\nCCC,,74-98-6\n")
    write_predicted_library(tmp_path / "list.csv", str(model), tmp_path / "p.parquet")
    rows = read_spectra(tmp_path / "p.parquet").to_pylist()
    assert [(row["name"], row["cas"]) for row in rows] == [
        ("ethanol", "64-17-5"), ("ethylamine", None), ("74-98-6", "74-98-6"),
    ]  # fmt: skip


SHIPPED = {"named": (53_859, 49_000, 1000), "derivatized": (21_067, 20_500, 500)}
"""Molecules of each library that ships, of which at least so many are predicted, and every which one is compared."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_library_that_ships_is_what_its_model_predicts(name: str, tmp_path: Path) -> None:
    """Another processor may round a step of 255 differently, and so keep another one of two faintest peaks."""
    model, library = load_prediction_model("rassp"), named_library(name)
    metadata = pq.read_schema(library).metadata
    assert metadata[b"predicted_by"].decode() == model.name
    assert metadata[b"model_sha256"].decode() == model.sha256
    assert predicted_by(library) == "rassp-open"
    rows = read_spectra(library).to_pylist()
    n_molecules, n_predicted, every = SHIPPED[name]
    assert len(rows) == n_molecules
    assert sum(row["reason"] is None for row in rows) > n_predicted
    drawn = rows[::every]
    (tmp_path / "list.smi").write_text("".join(f"{row['smiles']}\n" for row in drawn))
    write_predicted_library(tmp_path / "list.smi", "rassp", tmp_path / "p.parquet")
    again = read_spectra(tmp_path / "p.parquet").to_pylist()
    for row, predicted in zip(drawn, again, strict=True):
        assert (row["inchikey"], row["formula"]) == (predicted["inchikey"], predicted["formula"])
        dense = np.zeros((2, 640))
        for at, spectrum_ in enumerate((row, predicted)):
            dense[at, np.array(spectrum_["mz"], int)] = np.sqrt(spectrum_["intensity"])
        faintest = min(np.sqrt(row["intensity"]), default=0.0) if len(row["mz"]) == PredictSettings().peaks else 0.0
        assert np.abs(dense[0] - dense[1]).max() < max(0.03, faintest + 0.01), row["name"]


def test_the_libraries_that_ship_are_small_and_as_their_readme_says() -> None:
    readme = (shipped_library().parent / "README.md").read_text(encoding="utf-8")
    for name in SHIPPED:
        library = named_library(name)
        assert library.stat().st_size <= 8e6
        assert f"| {hashlib.sha256(library.read_bytes()).hexdigest()} | {name}.parquet |" in readme
    assert [f"resources/{path}" for path in SHIPPED_LIBRARIES.values()] == [
        plan.NAMED_LIBRARY, plan.DERIVATIZED_LIBRARY,
    ]  # fmt: skip


def test_derivatives_that_ship_are_no_listed_compounds() -> None:
    compounds, derivatives = (
        {key[:14] for key in pq.read_table(named_library(name), columns=["inchikey"])["inchikey"].to_pylist() if key}
        for name in SHIPPED
    )
    assert len(derivatives) > 20_000
    assert len(derivatives & compounds) < 100  # stereoisomers of a derivative that is listed itself


def test_it_has_a_name_on_the_command_line(tmp_path: Path) -> None:
    """The main peaks of 2-phenylbenzimidazole find it among 53,800 compounds."""
    (tmp_path / "q.msp").write_text("Name: q\nNum Peaks: 5\n63 6\n91 5\n97 12\n193 25\n194 100\n")
    out = tmp_path / "hits.parquet"
    assert cli.main(["search", str(tmp_path / "q.msp"), "--library", "named", "--out", str(out)]) == 0
    hits = tables.read(out, tables.LIBRARY_HITS).to_pylist()
    assert {hit["library"] for hit in hits} == {"named"}
    assert all(hit["predicted"] for hit in hits)
    assert "716-79-0" in {hit["cas"] for hit in hits}
