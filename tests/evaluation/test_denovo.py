import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spectus import tables
from spectus.cli import main
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.evaluation.denovo import evaluate_denovo, true_target
from spectus.evaluation.settings import EvaluationSettings
from spectus.structures import inchikey14

RECORDS = [
    ("ethanol", "CCO", {31: 1.0, 45: 0.5}, "valid"),
    ("ethylamine", "CCN", {30: 1.0, 44: 0.3}, "valid"),
    ("ethylamine again", "NCC", {30: 1.0, 45: 0.3}, "valid"),
    ("propane", "CCC", {29: 1.0, 44: 0.3}, "valid"),
    ("too heavy", "CCCC", {501: 1.0}, "valid"),
    ("no structure", None, {43: 1.0}, "valid"),
    ("held out", "CC(C)=O", {43: 1.0, 58: 0.5}, "valid"),
    ("methanol", "CO", {31: 1.0, 32: 0.7}, "train"),
    ("ethanol elsewhere", "OCC", {31: 1.0, 45: 0.6}, "train"),
    ("held out elsewhere", "CC(C)=O", {43: 1.0, 58: 0.4}, "train"),
    ("butane", "CCCC", {29: 0.5, 43: 1.0}, "train"),
]
ANSWERS = {
    "ethanol": Answer([("CCN", -1.0), ("CCO", -2.0)], 3, 1, None, "peaks above m/z 500 were left out: 1"),
    "ethylamine": Answer([("CCN", -1.0)], 4, 0, None),
    "ethylamine again": Answer([], 0, 4, "none of the 4 decoded strings is a molecule"),
    "propane": Answer([("CCCC", -1.0)], 2, 2, None),
    "too heavy": Answer([], 0, 0, "all peaks lie above the model's limit of m/z 500"),
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    names, smiles, peaks, splits = zip(*RECORDS, strict=True)
    columns = {
        "name": names, "smiles": smiles, "split": splits,
        "mz": [list(each) for each in peaks], "intensity": [list(each.values()) for each in peaks],
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "spectra.parquet")
    return tmp_path / "spectra.parquet"


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    path = tmp_path / "held_out.txt"
    path.write_text(hashlib.sha1(inchikey14("CC(C)=O").encode()).hexdigest() + "\n")
    return path


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that gives the answers above."""

    class Fixed:
        name, ships = "fixed", False

        def translate(self, rows: list[dict[str, Any]], beams: int, *more: object) -> list[Answer]:
            return [ANSWERS[row["name"]] for row in rows]

    monkeypatch.setattr(Translator, "load", lambda name, device, grammar: Fixed())


def evaluated(library: Path, tmp_path: Path, details: Path | None = None, **options: Any) -> dict[str, Any]:
    settings = EvaluationSettings(split="valid", beams=4, device="cpu", **options)
    evaluate_denovo("fixed", library, settings, tmp_path / "scores.json", details)
    scores: dict[str, Any] = json.loads((tmp_path / "scores.json").read_text())
    return scores


@pytest.mark.usefixtures("answering")
def test_scores_by_their_definitions(library: Path, held_out: Path, tmp_path: Path) -> None:
    scores = evaluated(library, tmp_path, exclude=[held_out])
    counts = ("n_queries", "n_compounds", "n_unusable", "n_excluded", "n_no_structure")
    assert [scores[name] for name in counts] == [4, 3, 1, 1, 1]
    assert scores["n_trimmed"] == 1
    assert scores["exact_top_1"]["value"] == pytest.approx(1 / 4)
    assert scores["exact_any_4"]["value"] == pytest.approx(2 / 4)
    assert scores["exact_top_1"]["per_compound"]["value"] == pytest.approx(0.5 / 3)
    assert scores["formula_top_1"]["value"] == pytest.approx(1 / 4)
    assert scores["valid_share"]["value"] == pytest.approx((0.75 + 1 + 0 + 0.5) / 4)
    assert scores["answered"]["value"] == pytest.approx(3 / 4)
    assert "exact_any_5" not in scores
    assert "searches" not in scores


@pytest.mark.usefixtures("answering")
def test_searches_beside_the_model(
    library: Path, held_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    details = tmp_path / "details.parquet"
    scores = evaluated(
        library, tmp_path, exclude=[held_out], reference=library, reference_split="train", details=details
    )
    assert scores["reference"] == {
        "library": "spectra.parquet", "split": "train", "n_spectra": 3, "n_compounds": 3, "n_no_structure": 0,
        "n_excluded": 1,
    }  # fmt: skip
    assert scores["in_reference"]["value"] == pytest.approx(1 / 4)
    assert list(scores["searches"]) == ["cosine", "hybrid", "weighted", "nearest"]
    cosine = scores["searches"]["cosine"]
    assert cosine["exact_top_1"]["value"] == pytest.approx(1 / 4)
    rows = tables.read(details, tables.EVALUATIONS).to_pylist()
    assert [row["method"] for row in rows[:5]] == ["model", "cosine", "hybrid", "weighted", "nearest"]
    of = {(row["query"], row["method"]): row for row in rows}
    assert len(of) == 4 * 5
    assert of["ethanol", "model"]["exact_rank"] == 2
    assert of["ethanol", "cosine"]["candidates"][0] == "CCO"
    assert of["ethanol", "nearest"]["similarities"][0] == 1
    assert of["ethanol", "model"]["in_reference"]
    assert not of["propane", "model"]["in_reference"]
    assert of["ethylamine again", "model"]["reason"].startswith("none of the 4")
    assert of["ethylamine", "cosine"]["reason"] == "no record shares a peak with it"
    best = {
        (query, method): row["similarities"][0] if row["similarities"] else 0.0 for (query, method), row in of.items()
    }
    names = ["ethanol", "ethylamine", "ethylamine again", "propane"]
    against = cosine["model_against_it"]["top_1"]
    wins = [best[name, "model"] > best[name, "cosine"] for name in names]
    assert wins[:2] == [False, True]
    assert against["win"]["value"] == pytest.approx(sum(wins) / 4)
    difference = [best[name, "model"] - best[name, "cosine"] for name in names]
    assert against["fpsd"]["value"] == pytest.approx(sum(difference) / 4)
    assert of["ethanol", "model"]["note"] == "peaks above m/z 500 were left out: 1"
    text = capsys.readouterr().out
    assert "fixed on spectra.parquet, split valid: 4 spectra of 3 compounds, 4 beams; left out: 1 without a" in text
    assert "1 beyond the model's limits; 1 trimmed to the model's limits" in text
    assert "it holds the compound of 25.0 % [" in text
    assert "given the true molecular mass of each query: an oracle" in text
    assert max(map(len, text.splitlines())) < 180


@pytest.fixture
def random_model(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    config = SpectusNetworkConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, max_length=12, decoder_max_position_embeddings=20,
    )  # fmt: skip
    SpectusNetwork(config).save_pretrained(tmp_path / "random")
    SmilesTokenizer.published().save_pretrained(tmp_path / "random")
    return tmp_path / "random"


def test_the_command_line(
    library: Path, random_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that never learnt anything, an MSP file as queries, a Parquet file as reference."""
    queries = tmp_path / "queries.msp"
    queries.write_text(
        "Name: ethanol\nSMILES: CCO\nNum Peaks: 2\n31 999\n45 500\n\n"
        "Name: one peak\nSMILES: C\nNum Peaks: 1\n16 999\n\nName: unknown\nNum Peaks: 1\n16 999\n"
    )
    out, details = tmp_path / "out" / "scores.json", tmp_path / "out" / "details.parquet"
    options = ["--beams", "2", "--device", "cpu", "--out", str(out), "--details", str(details)]
    assert main(["evaluate", "denovo", str(random_model), str(queries), "--reference", str(library), *options]) == 0
    scores = json.loads(out.read_text())
    assert (scores["n_queries"], scores["n_no_structure"]) == (2, 1)
    assert scores["searches"]["hybrid"]["exact_top_1"]["value"] == 0.5
    assert scores["searches"]["nearest"]["model_against_it"]["top_1"]["win"]["value"] == 0
    assert pq.read_table(details).num_rows == 2 * 5
    assert "exact structure, any of 2" in capsys.readouterr().out
    assert main(["evaluate", "denovo", str(random_model), str(queries), "--beams", "2"]) == 0
    assert "Searches" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--split", "vaild"], "spectra.parquet: holds no usable spectrum of split 'vaild'"),
        (["--beams", "0"], "--beams 0: is not a number of beams"),
        (["--reference-split", "train"], "--reference-split: names a split of no library"),
        (["--details", "."], ".: is a folder where a file is to be written"),
        (["--reference", "nowhere.parquet"], "nowhere.parquet: no such file"),
        (["--exclude", "nowhere.txt"], "nowhere.txt: no such file"),
    ],
)
def test_wrong_input_is_one_line(
    library: Path, options: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told before the model is loaded: there is none."""
    assert main(["evaluate", "denovo", "no-model", str(library), *options]) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


def test_a_reference_without_structures_is_named(library: Path, tmp_path: Path) -> None:
    reference = tmp_path / "nameless.msp"
    reference.write_text("Name: a\nNum Peaks: 1\n45 1\n")
    with pytest.raises(InputError, match=r"nameless.msp: holds no usable spectrum with a structure"):
        evaluate_denovo("no-model", library, EvaluationSettings(split="valid", reference=reference))


def test_spectra_the_model_cannot_take(random_model: Path, tmp_path: Path) -> None:
    queries = tmp_path / "heavy.msp"
    queries.write_text("Name: a\nSMILES: CCO\nNum Peaks: 1\n600 1\n")
    with pytest.raises(InputError, match=r"no spectrum that the model can take \(all peaks lie above"):
        evaluate_denovo(str(random_model), queries, EvaluationSettings(device="cpu"))


def test_what_is_given_is_the_ground_truth_s_own() -> None:
    assert true_target("CCO", "formula").accepts("COC")
    assert not true_target("CCO", "formula").accepts("OC=O")
    assert true_target("CCO", "mass").accepts("OC=O")
    assert not true_target("CCO", "mass").accepts("CCN")


def test_a_reranker_puts_the_candidates_in_order(
    library: Path, held_out: Path, answering: None, tmp_path: Path
) -> None:
    """The model prefers ethylamine for ethanol's spectrum; that of an amine would not have its base peak at m/z 31."""
    plain, reranked = tmp_path / "plain.json", tmp_path / "reranked.json"
    common = ["evaluate", "denovo", "m", str(library), "--split", "valid", "--exclude", str(held_out)]
    assert main([*common, "--out", str(plain), "--details", str(tmp_path / "plain.parquet")]) == 0
    arguments = ["--reranker", "open", "--out", str(reranked), "--details", str(tmp_path / "reranked.parquet")]
    assert main([*common, *arguments]) == 0
    candidates = [
        {row["query"]: row["candidates"] for row in tables.read(path, tables.EVALUATIONS).to_pylist()}
        for path in (tmp_path / "plain.parquet", tmp_path / "reranked.parquet")
    ]
    assert [of["ethanol"] for of in candidates] == [["CCN", "CCO"], ["CCO", "CCN"]]
    assert candidates[0] | {"ethanol": None} == candidates[1] | {"ethanol": None}
    scores = [json.loads(path.read_text()) for path in (plain, reranked)]
    assert [score["reranker"] for score in scores] == [None, "open"]
    assert scores[0]["exact_top_1"]["value"] < scores[1]["exact_top_1"]["value"]
    assert scores[0]["exact_any_10"] == scores[1]["exact_any_10"]
