import subprocess
import sys
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from spectus.errors import InputError
from spectus.samples import Sample, number_in, read_samples, sheet_notes


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
        ("run\tpath\n", ["line 1", "lacks the columns type"]),
        ("run|path|type\na|b|blank\n", ["line 1", "lacks the columns run, path, type", "commas"]),
        ("run\tpath\ttype\t\tcity\n", ["line 1", "column 4 has no name"]),
        ("run\tpath\ttype\trun\n", ["line 1", "'run' appears twice"]),
        (HEADER + "a\tb\tblank\t\t\n\nc\td\tsmaple\t\t\n", ["line 4", "unknown type 'smaple'", "ladder"]),
        (HEADER + "a\tb\tblank\t\t\na\tc\tblank\t\t\n", ["line 3", "'a' is already on line 2"]),
        (HEADER + "a\tb\tblank\t\t\nA\tc\tblank\t\t\n", ["line 3", "'A' is already on line 2"]),
        (HEADER + "-h\tb\tblank\t\t\n", ["line 2", "run '-h' does not match", "at the start"]),
        (HEADER + "..\tb\tblank\t\t\n", ["line 2", "run '..' does not match"]),
        (HEADER + ".x\tb\tblank\t\t\n", ["line 2", "run '.x' does not match"]),
        (HEADER + "a\tb\tcheck\t1,000\t\n", ["line 2", "amount '1,000' is not a number"]),
        ("run\tpath\ttype\tdilution\na\tb\tsample\t0\n", ["line 2", "dilution 0.0 is not above 0"]),
        ("run\tpath\ttype\tinjection\na\tb\tsample\tfirst\n", ["line 2", "injection 'first' is not a number"]),
        (HEADER + "a b\tb\tblank\t\t\n", ["line 2", "run 'a b' does not match"]),
        (HEADER + "a\t\tblank\t\t\n", ["line 2", "the cell under 'path' is empty"]),
        (HEADER + "a\tb\tblank\n", ["line 2", "has 3 cells where the header has 5"]),
        (HEADER + "a\tb\tblank\t\t\t\t\n", ["line 2", "has 7 cells where the header has 5"]),
        (HEADER + "a\tb\tcheck\tlots\t\n", ["line 2", "amount 'lots' is not a number"]),
        (HEADER + "a\tb\tcheck\tnan\t\n", ["line 2", "amount 'nan' is not a number"]),
        (HEADER + "a\tb\tcheck\t1_0\t\n", ["line 2", "amount '1_0' is not a number"]),
        (HEADER + "a\tb\tcheck\t-1\t\n", ["line 2", "amount -1.0 is below 0"]),
        (HEADER + 'a\t"b\tcheck\t\t\n', ["not a table of text with one delimiter"]),
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


def test_the_columns_that_only_the_user_knows_are_carried(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "Run\tPATH\ttype\tDilution\tinjection\tamount Etizolam\tsite\n"
        "a\ta.D\tSample\t10\t3\t\tRoßlau\n"
        "b\tb.D\tCALIBRATOR\t\t4\t2.5\t\n",
    )
    first, second = read_samples(path)
    assert (first.type, first.dilution, first.injection, dict(first.extra)) == ("sample", 10.0, 3.0, {"site": "Roßlau"})
    assert (second.type, second.dilution, dict(second.extra)) == ("calibrator", None, {"amount Etizolam": "2.5"})


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_text_with_any_delimiter_is_read(tmp_path: Path, delimiter: str) -> None:
    rows = [["run", "path", "type", "amount"], ["a", "x y.D", "calibrator", "2.5"], ["b", "b.D", "blank", ""]]
    path = tmp_path / "samples.csv"
    path.write_text("\n".join(delimiter.join(row) for row in rows), encoding="utf-8")
    assert read_samples(path) == [Sample("a", Path("x y.D"), "calibrator", 2.5), Sample("b", Path("b.D"), "blank")]


def test_a_quoted_cell_may_hold_the_delimiter_and_a_number_a_decimal_comma(tmp_path: Path) -> None:
    path = sheet(tmp_path, 'run;path;type;amount\na;"x;y.D";qc;2,5\n')
    assert read_samples(path) == [Sample("a", Path("x;y.D"), "qc", 2.5)]


def test_a_workbook_is_read_as_the_text_would_be(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    worksheet = book.active
    worksheet.append(["run", "path", "type", "amount", "date", None])
    worksheet.append([220223001, "a.D", "Blank", None, datetime(2022, 2, 23, 14, 30)])
    worksheet.append([])
    worksheet.append([220223002.0, "b.D", "calibrator", 2.5, None])
    path = tmp_path / "samples.xlsx"
    book.save(path)
    assert read_samples(path) == [
        Sample("220223001", Path("a.D"), "blank", extra={"date": "2022-02-23T14:30:00"}),
        Sample("220223002", Path("b.D"), "calibrator", 2.5),
    ]
    worksheet["C4"] = "smaple"
    book.save(path)
    with pytest.raises(InputError, match="line 4: unknown type 'smaple'"):
        read_samples(path)


def test_a_broken_workbook_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "samples.xlsx"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="is no workbook that can be read") as caught:
        read_samples(path)
    assert "\n" not in str(caught.value)


def test_a_column_that_looks_misspelled_gives_a_note(tmp_path: Path) -> None:
    path = sheet(tmp_path, "run\tpath\ttype\tamout\tsite\na\ta.D\tqc\t5\tx\n")
    assert sheet_notes(path) == [f"{path}: the column 'amout' is carried as text; write 'amount' if it is meant"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("2.5", 2.5), ("2,5", 2.5), ("1e3", 1000.0), ("1234,5", 1234.5), ("1,000", None), ("nan", None), ("1_0", None)],
)
def test_numbers_are_read_as_people_write_them(text: str, number: float | None) -> None:
    assert number_in(text) == number


def test_amounts_that_are_missing_or_not_used_give_a_note(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "run\tpath\ttype\tamount\tamount phenol\n"
        "a\ta.D\tcalibrator\t5\t\nb\tb.D\tcalibrator\t\t2\nc\tc.D\tcalibrator\t\t\n"
        "d\td.D\tsample\t5\t\ne\te.D\tcheck\t5\t\nf\tf.D\tblank\t\t0\n",
    )
    notes = sheet_notes(path)
    assert f"{path}: a calibrator without an amount fits no curve: c" in notes
    assert f"{path}: the amount is not used, because the type is neither calibrator nor qc: d, f" in notes
