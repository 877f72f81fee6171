import re
from pathlib import Path

import pytest
import yaml

from spectus.campaign_folder import find_runs, guessed_type, make_campaign_folder, new_run
from spectus.cli import main
from spectus.configuration import checked_config
from spectus.errors import InputError
from spectus.samples import read_samples

LIBRARY = "NAME: benzene\nNum Peaks: 2\n77 155; 78 1000\n"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("River_12", "sample"), ("20240502_Blank_3", "blank"), ("solvent blank", "blank"), ("BlankWater", "blank"),
        ("alkanes_C7-C30", "ladder"), ("FAME-mix", "ladder"), ("C8_C20", "ladder"), ("FKB-FA-060-RI", "ladder"),
        ("Cal_25ppm", "calibrator"), ("std 2", "calibrator"), ("calib4", "calibrator"), ("QC_125", "qc"),
        ("ccv1", "qc"), ("pooled_QC_07", "pooled_qc"), ("QC-pool", "pooled_qc"), ("PQC3", "pooled_qc"),
        ("Calluna_extract", "sample"), ("Blackwater", "sample"), ("Riverside", "sample"), ("Checkpoint", "sample"),
        ("Poolside", "sample"), ("Famestown", "sample"), ("Standing_water", "sample"), ("c12", "sample"),
    ],
)  # fmt: skip
def test_types_are_guessed_from_whole_words(name: str, kind: str) -> None:
    assert guessed_type(name) == kind


@pytest.mark.parametrize(
    ("name", "amount"),
    [("Cal_25ppm.cdf", 25.0), ("cal 2p5 ng_mL.cdf", 2.5), ("Std_0.5ug-L.mzML.gz", 0.5), ("Cal_4.cdf", None),
     ("River_25ppm.cdf", None)],
)  # fmt: skip
def test_amounts_are_read_from_the_names_of_calibrators(name: str, amount: float | None) -> None:
    assert new_run(Path(name)).amount == amount


def test_the_sheet_and_the_configuration_are_valid(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in ("Ladder.cdf", "day 1/Blank.mzML.gz", "day 2/Blank.mzML.gz", "Cal_25ppm.mzML", "notes.txt"):
        touch(raw / name)
    touch(raw / "River (km 12).D" / "data.ms")
    touch(raw / "empty.D" / "method.txt")
    (tmp_path / "known.msp").write_text(LIBRARY)
    folder = tmp_path / "campaign"
    said = make_campaign_folder(folder, [raw], [tmp_path / "known.msp"], "River")
    samples = read_samples(folder / "config" / "samples.tsv")
    assert {sample.run: sample.type for sample in samples} == {
        "Cal_25ppm": "calibrator", "Ladder": "ladder", "River_km_12_": "sample", "Blank": "blank",
        "day_2_Blank": "blank",
    }  # fmt: skip
    assert all(sample.path.exists() for sample in samples)
    assert [sample.amount for sample in samples if sample.amount] == [25.0]
    config = yaml.safe_load((folder / "config" / "config.yaml").read_text())
    assert checked_config(config)["report"]["title"] == "River"
    assert config["libraries"] == [str(tmp_path / "known.msp")]
    assert said.splitlines()[0].startswith("5 runs: 2 blank, 1 calibrator")
    assert "known.msp: 1 usable spectra" in said


def test_paths_below_the_folder_are_relative(tmp_path: Path) -> None:
    touch(tmp_path / "raw" / "a.cdf")
    make_campaign_folder(tmp_path, [tmp_path / "raw"])
    assert [str(sample.path) for sample in read_samples(tmp_path / "config" / "samples.tsv")] == ["raw/a.cdf"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    touch(tmp_path / "cal_1.cdf")
    said = make_campaign_folder(tmp_path / "new", [tmp_path / "cal_1.cdf"])
    assert "no ladder" not in said and "no name says ladder" in said
    assert "calibrators have no amount" in said and "no library was given" in said


def test_the_settings_in_comments_are_valid(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    make_campaign_folder(folder, [touch(tmp_path / "a.cdf")], title="Name: with a colon")
    text = (folder / "config" / "config.yaml").read_text()
    config = checked_config(yaml.safe_load(re.sub(r"(?m)^# (?=[a-z_]+:|  )", "", text)))
    assert config["report"]["title"] == "Name: with a colon" and config["predict"]["molecules"] == "built"
    assert config["molecules"]["derivatives"] == ["meox", "tms"] and config["on_bad_run"] == "skip"


def test_the_next_command_works_from_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[1]
    monkeypatch.chdir(root)
    assert make_campaign_folder(tmp_path / "a b", [touch(tmp_path / "a.cdf")]).endswith(
        f"snakemake --directory '{tmp_path}/a b' -n"
    )
    monkeypatch.chdir(tmp_path)
    assert f"snakemake -s {root}/Snakefile --directory" in make_campaign_folder(tmp_path / "b", [tmp_path / "a.cdf"])


def test_nothing_is_overwritten_and_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    run = touch(tmp_path / "a.cdf")
    make_campaign_folder(tmp_path / "new", [run])
    with pytest.raises(InputError, match="exists already"):
        make_campaign_folder(tmp_path / "new", [run])
    with pytest.raises(InputError, match="no such file or folder"):
        find_runs([tmp_path / "absent"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is a folder without a run"):
        find_runs([tmp_path / "empty"])
    (tmp_path / "broken.msp").write_text("hello")
    with pytest.raises(InputError, match=r"broken\.msp"):
        make_campaign_folder(tmp_path / "other", [run], [tmp_path / "broken.msp"])
    assert not (tmp_path / "other").exists()


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = touch(tmp_path / "blank 1.cdf")
    assert main(["init", str(tmp_path / "new"), "--runs", str(run)]) == 0
    said = capsys.readouterr()
    assert "1 run: 1 blank" in said.out and f"--directory {tmp_path / 'new'} -n" in said.out
    assert "wrote" in said.err


def test_the_public_batch_is_recognized(shared: Path, tmp_path: Path) -> None:
    assert len(find_runs([shared / "runs" / "etizolam"])) == 15
    kinds = [new_run(path).type for path in find_runs([shared / "runs" / "pygecko", shared / "runs" / "pnnl"])]
    assert sorted(kinds) == ["ladder", "ladder", "sample", "sample"]
