import subprocess
import sys
from pathlib import Path

import pytest

from spectus.errors import InputError
from spectus.samples import Sample, read_samples, sheet_notes


def sheet(folder: Path, text: str) -> Path:
    path = folder / "samples.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_keep_order_and_paths_as_given(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "run\tpath\ttype\tamount\tbatch\n"
        "ladder-1\traw/Leiter ä.cdf\tladder\t\tA\n"
        "S_1.2\t../x y.D \tcalibrator\t2.5e1\t\n\n",
    )
    assert read_samples(path) == [
        Sample("ladder-1", Path("raw/Leiter ä.cdf"), "ladder", None, "A"),
        Sample("S_1.2", Path("../x y.D"), "calibrator", 25.0, None),
    ]


def test_optional_columns_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "samples.tsv"
    path.write_bytes(b"\xef\xbb\xbftype\trun\tpath\r\nblank\tb1\tb1.cdf\r\n")
    assert read_samples(path) == [Sample("b1", Path("b1.cdf"), "blank")]


HEADER = "run\tpath\ttype\tamount\tbatch\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADER, ["names no run"]),
        ("run,path,type\na,b,blank\n", ["line 1", "unknown column 'run,path,type'", "tab-separated"]),
        ("run\tpath\n", ["line 1", "lacks the columns type"]),
        ("run\tpath\ttype\tcolour\n", ["line 1", "unknown column 'colour'", "amount, batch"]),
        ("run\tpath\ttype\trun\n", ["line 1", "'run' appears twice"]),
        (HEADER + "a\tb\tblank\t\t\n\nc\td\tsmaple\t\t\n", ["line 4", "unknown type 'smaple'", "ladder"]),
        (HEADER + "a\tb\tblank\t\t\na\tc\tblank\t\t\n", ["line 3", "'a' is already on line 2"]),
        (HEADER + "a b\tb\tblank\t\t\n", ["line 2", "run 'a b' does not match"]),
        (HEADER + "a\t\tblank\t\t\n", ["line 2", "the cell under 'path' is empty"]),
        (HEADER + "a\tb\tblank\n", ["line 2", "has 3 cells where the header has 5"]),
        (HEADER + "a\tb\tblank\t\t\t\t\n", ["line 2", "has 7 cells where the header has 5"]),
        (HEADER + "a\tb\tcheck\tlots\t\n", ["line 2", "amount 'lots' is not a number"]),
        (HEADER + "a\tb\tcheck\tnan\t\n", ["line 2", "amount 'nan' is not a number"]),
        (HEADER + "a\tb\tcheck\t1_0\t\n", ["line 2", "amount '1_0' is not a number"]),
        (HEADER + "a\tb\tcheck\t-1\t\n", ["line 2", "amount -1.0 is below 0"]),
        (HEADER + 'a\t"b\tcheck\t\t\n', ["not a tab-separated table"]),
        ("", ["empty"]),
    ],
)
def test_a_wrong_sheet_is_refused_in_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    path = sheet(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_samples(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_a_missing_sheet_and_other_encodings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_samples(tmp_path / "none.tsv")
    (tmp_path / "utf16.tsv").write_bytes((HEADER + "a\tb\tblank\t\t\n").encode("utf-16"))
    with pytest.raises(InputError, match="UTF-8"):
        read_samples(tmp_path / "utf16.tsv")


def test_reading_a_sheet_loads_no_heavy_library() -> None:
    code = "import sys, spectus.samples; print([m for m in ('numpy', 'pandas', 'pyarrow') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_old_names_of_types_and_any_case_are_read(tmp_path: Path) -> None:
    sheet = tmp_path / "samples.tsv"
    sheet.write_text("run\tpath\ttype\na\ta.D\tcheck\nb\tb.D\tPool\nc\tc.D\tBlank\n", encoding="utf-8")
    assert [sample.type for sample in read_samples(sheet)] == ["qc", "pooled_qc", "blank"]
    assert sheet_notes(sheet) == [
        f"{sheet}: the type check is now called qc", f"{sheet}: the type pool is now called pooled_qc",
    ]  # fmt: skip
