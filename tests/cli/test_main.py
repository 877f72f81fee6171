"""The command line as a whole: names, messages, errors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spectus.cli import build_parser, main
from spectus.cli.main import COMMANDS
from spectus.cli.renamed import OPTIONS, current

SPECTRUM = "Name: toluene\nSMILES: Cc1ccccc1\nNum Peaks: 3\n65 120; 91 999; 92 700\n"


@pytest.fixture
def query(tmp_path: Path) -> Path:
    path = tmp_path / "query.msp"
    path.write_text(SPECTRUM)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_no_default_of_none(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])
    said = capsys.readouterr().out
    assert done.value.code == 0
    assert f"example:\n  spectus {command}" in said
    assert "None" not in said
    assert "--quiet" in said


def test_old_names_print_one_line_each(query: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, left_out = query.with_name("hits.parquet"), query.with_name("none.smi")
    left_out.write_text("CCO ethanol\n")
    assert main(["search", str(query), "--library", str(query), "--without", str(left_out), "--out", str(out)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "the option --without is now --exclude"
    assert said[-1] == f"wrote {out} (1 row)"


def test_old_commands_become_new_ones() -> None:
    words, notes = current(["rank", "--features", "f.parquet", "--hits", "h", "--translations=t", "--out", "o"])
    assert words == ["identify", "f.parquet", "--hits", "h", "--denovo=t", "--out", "o"]
    assert notes[0] == "`spectus rank` is now called `spectus identify`"
    assert len(notes) == 3


def test_every_new_name_of_an_option_exists() -> None:
    parser = build_parser(every=True)
    (commands,) = (action.choices for action in parser._actions if isinstance(action.choices, dict))
    for command, names in OPTIONS.items():
        help_text = commands[command].format_help()
        if command in ("train", "evaluate"):
            (kinds,) = (a.choices for a in commands[command]._actions if isinstance(a.choices, dict))
            help_text = kinds["finetune" if command == "train" else "denovo"].format_help()
        for new in filter(None, names.values()):
            assert new in help_text, (command, new)


def test_quiet_prints_nothing_and_a_plain_call_says_what_it_wrote(
    query: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["search", str(query), "--library", str(query), "--out", str(query.with_name("hits.parquet"))]
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(arguments) == 0
    assert "wrote " in capsys.readouterr().err


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "much"])
def test_a_setting_that_is_no_number_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["deconvolve", "run.D", "--out", "c.parquet", f"--min-snr={value}"])
    assert done.value.code == 2
    assert f"{value} is not a number" in capsys.readouterr().err


def test_a_table_is_not_written_under_the_name_of_another_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["search", "q.msp", "--library", "l.msp", "--out", "hits.csv"])
    said = " ".join(capsys.readouterr().err.split())
    assert "hits.csv is not a name for a Parquet table; write hits.parquet" in said


def test_a_place_that_cannot_be_written_is_one_line(query: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = query.with_name("file")
    place.write_text("in the way")
    assert main(["search", str(query), "--library", str(query), "--out", str(place / "hits.parquet")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert str(place) in said[0]


def test_identify_takes_a_file_of_spectra_alone(query: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    out = tmp_path / "candidates.parquet"
    options = ["--library", str(query), "--predicted", "none", "--no-denovo", "--reranker", "none", "--out", str(out)]
    assert main(["identify", str(query), *options]) == 0
    (row,) = pq.read_table(out).to_pylist()
    assert (row["name"], row["source"], row["level"]) == ("toluene", "library", "2b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidates.parquet", "query.msp"]


def test_a_library_that_is_searched_by_default_may_be_named_as_well(query: Path, tmp_path: Path) -> None:
    options = ["--library", "named", "--no-denovo", "--quiet", "--out", str(tmp_path / "c.parquet")]
    assert main(["identify", str(query), *options]) == 0


def test_identify_without_any_source_says_so(query: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(query.with_name("c.parquet"))
    assert main(["identify", str(query), "--predicted", "none", "--no-denovo", "--out", out]) == 2
    assert "has no source of candidates; give --library or --hits" in capsys.readouterr().err


def test_the_start_imports_nothing_heavy() -> None:
    """`spectus --help` and the start of a command must not wait for PyTorch, pandas or transformers."""
    code = (
        "import sys; from spectus.cli import build_parser; build_parser(['search', 'x']); "
        "print([m for m in ('torch', 'pandas', 'transformers', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    path = os.pathsep.join(["workflow", os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_completion_scripts_know_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)
    assert "--min-snr" in script
