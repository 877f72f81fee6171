"""What Snakemake plans to do, with both profiles."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from .campaigns import EXAMPLE, PLAIN, PREDICTED, ROOT, Campaign


def test_the_example_is_ten_jobs_and_a_target(campaign: Campaign) -> None:
    assert campaign.planned() == EXAMPLE


def test_jobs_grow_with_the_runs_and_features(campaign: Campaign) -> None:
    campaign.change({"chunks": {"runs": 3, "features_per_run": 100, "spectra": 150}})
    expected = {**EXAMPLE, "convert_chunk": 2, "deconvolve_chunk": 2, "denovo_chunk": 2}
    assert campaign.planned() == expected


def test_a_thousand_runs_are_tens_of_jobs(campaign: Campaign) -> None:
    raw = ROOT / "resources" / "example" / "blank.mzML.gz"
    campaign.write_sheet(*((f"run_{number}", raw, "sample") for number in range(1000)))
    planned = campaign.planned()
    assert planned == {**EXAMPLE, "convert_chunk": 21, "deconvolve_chunk": 21, "denovo_chunk": 8}
    assert sum(planned.values()) - planned["all"] <= 60


def test_every_stage_is_a_target(campaign: Campaign) -> None:
    stages = {
        "convert", "deconvolve", "calibrate", "align", "library", "molecules", "predict", "search", "denovo",
        "identify", "report", "all",
    }  # fmt: skip
    assert set(campaign.run("--list-target-rules").split("\n")) >= stages


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        ("library", {"library_table"}),
        ("molecules", {"molecule_list"}),
        ("deconvolve", {"convert_chunk", "deconvolve_chunk"}),
        (
            "denovo",
            {
                "convert_chunk",
                "deconvolve_chunk",
                "calibrate",
                "align",
                "library_table",
                "search",
                "denovo_chunk",
            },
        ),
    ],
)
def test_a_target_makes_what_it_needs_and_no_more(campaign: Campaign, target: str, rules: set[str]) -> None:
    assert set(campaign.planned(target)) == rules | {target}


def test_nothing_is_predicted_where_the_library_ships(campaign: Campaign) -> None:
    assert campaign.planned("predict") == {}


def test_a_library_that_is_parquet_already_is_used_as_it_is(campaign: Campaign) -> None:
    (campaign.folder / "mine.parquet").write_bytes(b"PAR1")
    campaign.change({"libraries": ["mine.parquet"]})
    assert "library_table" not in campaign.planned()


def test_molecules_are_predicted_in_chunks_and_searched(campaign: Campaign) -> None:
    (campaign.folder / "molecules.smi").write_text("CCO ethanol\n")
    for name in ("model", "ranker"):
        (campaign.folder / name).mkdir()
        (campaign.folder / name / "config.json").write_text("{}")
    campaign.change({"predict": {"molecules": "molecules.smi", "model": "model", "chunks": 3}})
    campaign.change({"identify": {"reranker": "ranker"}})
    assert campaign.planned() == {**PLAIN, "predict_chunk": 3}
    assert campaign.planned("predict") == {"predict_chunk": 3, "predict": 1}
    plan = campaign.run("--dry-run", "--printshellcmds")
    assert "search" in plan
    assert plan.count("--reranker ranker") == 2  # denovo and identify
    assert " results/predicted/predicted-3-of-3.parquet" in plan


def test_a_campaign_that_predicts_nothing_builds_no_list(campaign: Campaign) -> None:
    campaign.change({"predict": {"molecules": None}})
    assert campaign.planned() == PLAIN


def test_the_library_that_ships_is_searched_in_place_of_the_same_predictions(campaign: Campaign) -> None:
    assert campaign.planned() == PLAIN
    plan = campaign.run("--dry-run", "--printshellcmds")
    assert plan.count(" resources/libraries/named.parquet") >= 2  # search and report
    assert "derivatized.parquet" not in plan
    before = (campaign.folder / "config" / "config.yaml").read_text()
    campaign.change({"molecules": {"derivatives": ["meox", "tms"]}})
    assert campaign.planned() == PLAIN
    both = " resources/libraries/named.parquet resources/libraries/derivatized.parquet"
    assert campaign.run("--dry-run", "--printshellcmds").count(both) >= 2
    (campaign.folder / "config" / "config.yaml").write_text(before)
    for changes in (
        {"predict": {"model": "neims"}}, {"molecules": {"max_mass": 400}}, {"molecules": {"derivatives": ["tms"]}},
        {"molecules": {"sample": 10}}, {"molecules": {"exclude": ["config/samples.tsv"]}},
    ):  # fmt: skip
        before = (campaign.folder / "config" / "config.yaml").read_text()
        campaign.change(changes)
        assert campaign.planned() == PREDICTED, changes
        (campaign.folder / "config" / "config.yaml").write_text(before)


def test_the_library_that_ships_is_found_from_anywhere(campaign: Campaign) -> None:
    """Without resources/ in the working directory it is a file of the workflow, which starts no job when it moves."""
    (campaign.folder / "resources").unlink()
    campaign.change({"search": {"exclude": None}, "report": {"ground_truth": None}})
    campaign.write_sheet(("a", ROOT / "resources" / "example" / "sample_1.mzML.gz", "sample"))
    plan = campaign.run("search", "--dry-run", "--printshellcmds")
    assert f" {ROOT}/resources/libraries/named.parquet" in plan
    assert "predict: chunk" not in plan  # the message of its jobs


def test_the_section_molecules_says_how_the_list_is_built(campaign: Campaign) -> None:
    (campaign.folder / "held out.txt").write_text("0\n")
    (campaign.folder / "library.parquet").write_bytes(b"PAR1")
    changes = {
        "sources": ["chemicals", "molsets"], "derivatives": ["meox", "tms"], "partial": True, "max_mass": 450,
        "exclude": ["held out.txt", "library.parquet"], "split": "valid", "sample": 7, "seed": 3,
    }  # fmt: skip
    campaign.change({"molecules": changes})
    said = campaign.run("molecules", "--dry-run", "--printshellcmds")
    for option in (
        "--sources chemicals,molsets --partial --derivatives meox,tms", "--exclude 'held out.txt' library.parquet",
        "--split valid", "--max-mass 450", "--sample 7 --seed 3 --out results/molecules.csv",
    ):  # fmt: skip
        assert option in said


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The repository as a clone has it, without results."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("config", "envs", "profiles", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copy(ROOT / "slurm", folder, follow_symlinks=False)
    (folder / "resources").symlink_to(ROOT / "resources")
    return folder


@pytest.mark.parametrize("profile", [["--profile", "slurm"], ["--workflow-profile", "slurm"], []])
def test_every_profile_plans_the_example_at_the_root(checkout: Path, profile: list[str]) -> None:
    command = [sys.executable, "-m", "snakemake", *profile, "--dry-run", "--printshellcmds"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "convert: raw runs of chunk 0001 to mzML" in done.stdout
    assert ("profiles/default" in done.stderr) == ("--workflow-profile" not in profile)


def test_the_default_profile_overrides_nothing_of_the_slurm_profile() -> None:
    """Snakemake reads profiles/default after what `--profile` names, and the later one wins, key by key."""
    files = (ROOT / "profiles" / name / "profile.yaml" for name in ("default", "slurm"))
    default, slurm = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)
    both = default.keys() & slurm.keys()
    assert {key: default[key] for key in both} == {key: slurm[key] for key in both}
    assert default.keys() - both == {"cores", "resources"}
    assert default["resources"] == {"local_gpu": 1}
    assert slurm["set-resources"]["denovo_chunk"]["local_gpu"] == 0


def training_inputs(campaign: Campaign, **changes: object) -> None:
    for name in ("library.parquet", "molecules.smi", "held_out.txt"):
        (campaign.folder / name).write_text("not read when planning")
    campaign.change({"train": {"library": "library.parquet", "molecules": "molecules.smi", **changes}})


def test_a_training_is_pretraining_finetuning_and_scores(campaign: Campaign) -> None:
    training_inputs(campaign, exclude="held_out.txt")
    assert campaign.planned("train") == {"pretrain": 1, "finetune": 1, "score_model": 1, "train": 1}
    plan = campaign.run("train", "--dry-run", "--printshellcmds")
    assert plan.count("--exclude held_out.txt") == 3
    assert plan.count("--prediction-model resources/models/rassp-open ") == 2
    assert "--from results/training/pretrained" in plan
    assert campaign.planned() == EXAMPLE


def test_a_prediction_model_of_ones_own_is_trained_first(campaign: Campaign) -> None:
    training_inputs(campaign, neims_settings="config/training/neims-open.yaml")
    assert campaign.planned("train")["train_neims"] == 1
    assert (
        campaign.run("train", "--dry-run", "--printshellcmds").count("--prediction-model results/training/neims ") == 2
    )
    campaign.change({"train": {"rassp_settings": "config/training/rassp-open.yaml"}})
    assert campaign.planned("train")["train_rassp"] == 1
    plan = campaign.run("train", "--dry-run", "--printshellcmds")
    assert plan.count("--prediction-model results/training/neims results/training/rassp") == 2


def test_spectra_of_the_molecules_are_stored_for_all_steps_of_a_training(campaign: Campaign) -> None:
    training_inputs(campaign, stored_chunks=2)
    jobs = {"predict_for_training": 2, "pretrain": 1, "finetune": 1, "score_model": 1, "train": 1}
    assert campaign.planned("train") == jobs
    plan = campaign.run("train", "--dry-run", "--printshellcmds")
    stored = [f"results/training/predicted/given-{index}-of-2.parquet" for index in (1, 2)]
    assert plan.count(f"--predicted {' '.join(stored)} ") == 2
    assert plan.count("predict molecules.smi --model rassp ") == 2
    assert "--prediction-model" not in plan and "--molecules" not in plan
    campaign.change({"train": {"rassp_settings": "config/training/rassp-open.yaml"}})
    assert campaign.planned("train") == jobs | {"predict_for_training": 4, "train_rassp": 1}
    assert "--model results/training/rassp " in campaign.run("train", "--dry-run", "--printshellcmds")


def test_a_training_without_spectra_says_what_to_name(campaign: Campaign) -> None:
    done = campaign.snakemake("train", "--dry-run")
    assert done.returncode != 0
    assert "train.library: null (name the spectra to train on in the configuration)" in done.stdout + done.stderr


def test_a_training_whose_list_is_missing_says_so(campaign: Campaign) -> None:
    training_inputs(campaign, molecules="gone.smi")
    done = campaign.snakemake("train", "--dry-run")
    assert done.returncode != 0
    assert "train.molecules: gone.smi: no such file" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_training_runs_and_goes_on_after_a_stop(campaign: Campaign) -> None:
    """The second time the model is gone but its checkpoint is not: it comes back without a step of training."""
    smiles = ["CCO", "c1ccccc1", "CCN", "CCCl", "CC"]
    spectra = {
        "name": smiles, "smiles": smiles, "split": ["train"] * 4 + ["valid"], "intensity": [[1.0, 0.5]] * 5,
        "mz": [[31.0, 45.0], [77.0, 78.0], [30.0, 44.0], [49.0, 64.0], [15.0, 30.0]],
    }  # fmt: skip
    training_inputs(campaign, settings="tiny.yaml")
    pq.write_table(pa.table(spectra), campaign.folder / "library.parquet")
    (campaign.folder / "molecules.smi").write_text("CCCO\nCCCCO\nCCCN\nCCBr\n")
    (campaign.folder / "tiny.yaml").write_text(
        "model: {d_model: 32, encoder_layers: 1, decoder_layers: 1, encoder_attention_heads: 2,\n"
        "  decoder_attention_heads: 2, encoder_ffn_dim: 64, decoder_ffn_dim: 64, max_length: 16}\n"
        "pretrain: {plan: {steps: 20, batch_size: 4, checkpoint_every: 10}}\n"
        "finetune: {plan: {steps: 20, batch_size: 4, checkpoint_every: 10}}\n"
    )
    campaign.run("train", "--cores", "1")
    training = campaign.folder / "results" / "training"
    weights, checkpoint = training / "model" / "model.safetensors", training / "model" / "checkpoint.pt"
    before, made = weights.read_bytes(), checkpoint.stat().st_mtime_ns
    weights.unlink()
    campaign.run("train", "--cores", "1")
    assert weights.read_bytes() == before
    assert checkpoint.stat().st_mtime_ns == made
    assert (training / "valid_scores.json").exists()


def test_several_gpus_of_a_workstation_share_the_work(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    campaign.change({"chunks": {"spectra": 20}})
    plan = campaign.run("denovo", "--dry-run", "--printshellcmds", "--resources", "local_gpu=2")
    assert plan.count("gpus=(0 1);") == 3
    assert "CUDA_VISIBLE_DEVICES" not in campaign.run("denovo", "--dry-run", "--printshellcmds")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5,7")
    plan = campaign.run("denovo", "--dry-run", "--printshellcmds", "--resources", "local_gpu=2")
    assert plan.count("gpus=(2 5);") == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    plan = campaign.run("denovo", "--dry-run", "--printshellcmds", "--resources", "local_gpu=2")
    assert "gpus=" not in plan


def test_one_switch_takes_denovo_to_the_cpu(campaign: Campaign) -> None:
    """Snakemake prints no resources of a rule with a message, so a Snakefile around the workflow does."""
    asked = 'print("resources:", *sorted(workflow.get_rule("denovo_chunk").resources))'
    around = campaign.folder / "around.smk"
    around.write_text(f"include: {str(ROOT / 'Snakefile')!r}\n{asked}\n", encoding="utf-8")
    profile = ["--workflow-profile", str(ROOT / "profiles" / "slurm"), "--dry-run", "--quiet", "all"]
    campaign = Campaign(campaign.folder, around)
    wanted = [
        re.search("resources: (.*)", campaign.run("denovo", *profile, *more))[1].split()  # type: ignore[index]
        for more in ([], ["--config", "denovo={'device': 'cpu'}"])
    ]
    assert set(wanted[0]) - set(wanted[1]) == {"gpu", "nodes", "slurm_partition", "cpus_per_task"}
    assert "mem_mb" in wanted[1]


def test_on_the_cpu_several_denovo_jobs_of_one_machine_run_side_by_side(campaign: Campaign) -> None:
    """On a GPU of one machine they run one after another (profiles/default)."""
    asked = (
        'wanted = workflow.get_rule("denovo_chunk").resources\n'
        'print(*(name + "=" + str(getattr(wanted[name], "value", wanted[name])) for name in ("_cores", "local_gpu")))'
    )
    around = campaign.folder / "around.smk"
    around.write_text(f"include: {str(ROOT / 'Snakefile')!r}\n{asked}\n", encoding="utf-8")
    campaign = Campaign(campaign.folder, around)
    said = [
        campaign.run("denovo", "--dry-run", "--quiet", "all", *more)
        for more in ([], ["--config", "denovo={'device': 'cpu'}"])
    ]
    assert "_cores=8 local_gpu=1" in said[0]
    assert "_cores=2 local_gpu=0" in said[1]
