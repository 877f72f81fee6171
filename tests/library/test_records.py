"""Reading libraries in every dialect users have, and every way such a file can be wrong."""

import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.library.records import read_spectra, unique_names

NIST = """Name: Caffeine
Synon: Methyltheobromine
InChIKey: RYYVLZVUVIJVGH-UHFFFAOYSA-N
Formula: C8H10N4O2
MW: 194
CAS#: 58-08-2;  NIST#: 3
Retention_index: SemiStdNP=1840/9/70 StdNP=1794/12/18 StdPolar=3013/26/8
Num Peaks: 4
55 40; 67 60; 109 70;
194 100;

Name: Second
Num peaks: 2
(41 35) (42 999)
"""
MONA = """Name: Alanine 2TMS
Synon: $:00in-source
Synon: $:28QNAYBMKLOCPYGJ-REOHCLBHSA-N
DB#: KO1
Comments: "SMILES=C[C@H](N)C(O)=O" "molecular formula=C3H7NO2" "author=Ü" "SEMISTDNP=1104/3/9"
Num Peaks: 3
73.04 100 "C3H9Si"
116.09 61.5 "C5H14NSi+: a; b"
147.07 10.25
"""
MSDIAL = """NAME: Nonadecane; EI
PRECURSORMZ: 0
RETENTIONTIME: 12.3
RETENTIONINDEX: 1900
SMILES: CCCCCCCCCCCCCCCCCCC
INCHIKEY: LQERIDTXQFOHKA-UHFFFAOYSA-N
FORMULA: C19H40
Num Peaks: 3
57\t1000
71\t600.5
85\t400
"""
AMDIS = """NAME:TMS derivative
CASNO:12-34-5
RI:1234.5
FORM:C9H20OSi
NUM PEAKS:5
( 73 1000)  ( 75  500)  (100    1)
( 41   35)  ( 42  100)
"""
MGF = """# made by hand
BEGIN IONS
TITLE=scan 7
NAME=Toluene
SMILES=Cc1ccccc1
INCHIKEY=YXFVVABEGXRONW-UHFFFAOYSA-N
RTINSECONDS=312.5
PEPMASS=92
65.0 12
91.0 100 1
92.1 66.5
END IONS

BEGIN IONS
TITLE=only a title
57 1
43 3
END IONS
"""
JCAMP = """##TITLE=Caffeine
##JCAMP-DX=4.24 $$ by hand
##DATA TYPE=MASS SPECTRUM
##MOLFORM=C8 H10 N4 O2
##$SMILES=Cn1cnc2c1c(=O)n(C)c(=O)n2C
##NPOINTS=4
##PEAK TABLE=(XY..XY)
55,40 67,60
109,70 194,999
##END=
##TITLE=Toluene
##NPOINTS=2
##XYDATA=(XY..XY)
91.0, 100
92.0, 66
##END=
"""


UNCLEAR = "commas that are not clearly decimal commas or thousands separators"


def read(folder: Path, content: str | bytes, name: str = "library.msp") -> list[dict]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = read_spectra(path)
    assert found.schema.equals(tables.SPECTRA)
    return found.to_pylist()


def test_nist_msp(tmp_path: Path) -> None:
    caffeine, second = read(tmp_path, NIST)
    assert caffeine["name"] == "Caffeine"
    assert caffeine["inchikey"] == "RYYVLZVUVIJVGH-UHFFFAOYSA-N"
    assert caffeine["formula"] == "C8H10N4O2"
    assert caffeine["ri"] == 1840
    assert caffeine["mz"] == [55, 67, 109, 194]
    assert caffeine["intensity"] == pytest.approx([0.4, 0.6, 0.7, 1.0])
    assert caffeine["reason"] is None
    assert second["entry"] == 1
    assert second["mz"] == [41, 42]


def test_mona_msp_with_annotations_and_comment_fields(tmp_path: Path) -> None:
    (alanine,) = read(tmp_path, MONA)
    assert alanine["smiles"] == "C[C@H](N)C(O)=O"
    assert alanine["inchikey"] == "QNAYBMKLOCPYGJ-REOHCLBHSA-N"
    assert alanine["formula"] == "C3H7NO2"
    assert alanine["ri"] == 1104
    assert alanine["mz"] == pytest.approx([73.04, 116.09, 147.07])
    assert alanine["intensity"] == pytest.approx([1, 0.615, 0.1025])


def test_ms_dial_msp(tmp_path: Path) -> None:
    (record,) = read(tmp_path, MSDIAL)
    assert (record["name"], record["ri"]) == ("Nonadecane; EI", 1900)
    assert record["intensity"] == pytest.approx([1, 0.6005, 0.4])


def test_amdis_msl(tmp_path: Path) -> None:
    (record,) = read(tmp_path, AMDIS, "library.msl")
    assert (record["name"], record["formula"], record["ri"]) == ("TMS derivative", "C9H20OSi", 1234.5)
    assert record["mz"] == [41, 42, 73, 75, 100]
    assert record["intensity"] == pytest.approx([0.035, 0.1, 1, 0.5, 0.001])


def test_mgf(tmp_path: Path) -> None:
    toluene, titled = read(tmp_path, MGF, "queries.mgf")
    assert (toluene["name"], toluene["smiles"]) == ("Toluene", "Cc1ccccc1")
    assert toluene["inchikey"] == "YXFVVABEGXRONW-UHFFFAOYSA-N"
    assert toluene["intensity"] == pytest.approx([0.12, 1, 0.665])
    assert titled["name"] == "only a title"
    assert titled["mz"] == [43, 57]


def test_mgf_cut_short(tmp_path: Path) -> None:
    records = read(tmp_path, MGF.removesuffix("END IONS\n"), "queries.mgf")
    assert [record["reason"] for record in records] == [None, "cut short: no END IONS"]


def test_jcamp_blocks(tmp_path: Path) -> None:
    caffeine, toluene = read(tmp_path, JCAMP, "two.jdx")
    assert (caffeine["name"], caffeine["smiles"]) == ("Caffeine", "Cn1cnc2c1c(=O)n(C)c(=O)n2C")
    assert caffeine["mz"] == [55, 67, 109, 194]
    assert (toluene["name"], toluene["mz"]) == ("Toluene", [91, 92])


def test_jcamp_link_block_is_no_record_and_an_empty_block_is_one(tmp_path: Path) -> None:
    linked = "##TITLE=all\n##DATA TYPE=LINK\n##BLOCKS=3\n" + JCAMP + "##TITLE=nothing\n##END=\n"
    records = read(tmp_path, linked, "linked.jdx")
    assert [(record["name"], record["reason"]) for record in records] == [
        ("Caffeine", None),
        ("Toluene", None),
        ("nothing", "no peaks"),
    ]


def test_jcamp_forms_that_are_not_read_are_said(tmp_path: Path) -> None:
    compressed = "##TITLE=a\n##NPOINTS=2\n##XYDATA=(X++(Y..Y))\n50A1B2\n##END=\n"
    scaled = "##TITLE=b\n##XFACTOR=0.1\n##XYDATA=(XY..XY)\n500,1\n##END=\n"
    first, second = read(tmp_path, compressed + scaled, "odd.jdx")
    assert "(X++(Y..Y))" in first["reason"]
    assert "XFACTOR" in second["reason"]


def test_a_scan_of_a_run_in_jcamp_is_a_record(shared: Path) -> None:
    spectra = read_spectra(shared / "runs" / "eley" / "ELEY_2_SUBTRACT.JDX")
    assert len(spectra) == 2103
    assert spectra["reason"].null_count == 2103
    assert len(spectra["mz"][0]) == 78


@pytest.mark.parametrize("packed", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_packing_and_line_ends_change_nothing(tmp_path: Path, packed, ends: str) -> None:
    expected = read(tmp_path, NIST)
    assert read(tmp_path, packed(NIST.replace("\n", ends).encode()), "library.msp.packed") == expected


@pytest.mark.parametrize(
    "text", [NIST.rstrip(), NIST + "\n\n\n", "\n\n" + NIST, NIST.replace("\n\nName", "\n   \nName")]
)
def test_blank_lines_do_not_matter(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == read(tmp_path, NIST)


def test_records_without_a_blank_line_between(tmp_path: Path) -> None:
    assert read(tmp_path, NIST.replace("\n\n", "\n")) == read(tmp_path, NIST)


def test_blank_line_amid_the_peaks(tmp_path: Path) -> None:
    assert read(tmp_path, NIST.replace("70;\n194", "70;\n\n194")) == read(tmp_path, NIST)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-8-sig"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (record, _) = read(tmp_path, NIST.replace("Caffeine", "Caféine µ-é").encode(encoding))
    assert record["name"] == "Caféine µ-é"


def test_greek_names_and_names_that_come_again(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"Name: {name}\nNum Peaks: 1\n50 1" for name in ("α-Pinene 蒎烯", "α-Pinene 蒎烯", "x", "α-Pinene 蒎烯")
    )
    assert [record["name"] for record in read(tmp_path, text)] == [
        "α-Pinene 蒎烯",
        "α-Pinene 蒎烯#2",
        "x",
        "α-Pinene 蒎烯#3",
    ]


def test_unique_names_do_not_collide_with_given_ones() -> None:
    assert unique_names(["a", "a", "a#2", "a", None, ""]) == ["a", "a#3", "a#2", "a#4", "entry 4", "entry 5"]
    many = unique_names(["a"] * 50 + ["a#7"])
    assert len(set(many)) == 51
    assert many[-1] == "a#7"


@pytest.mark.parametrize(
    ("peaks", "reason"),
    [
        ("Num Peaks: 0\n", "no peaks"),
        ("", "no peaks"),
        ("Num Peaks: 2\n", "peak count differs: 2 announced, 0 found"),
        ("Num Peaks: 3\n50 1\n51 2\n", "peak count differs: 3 announced, 2 found"),
        ("Num Peaks: 1\n50 1; 51 2\n", "peak count differs: 1 announced, 2 found"),
        ("Num Peaks: 3\n50 1 51 2\n", "peak count differs: 3 announced, 2 found"),
        ("Num Peaks: 2\n50 1,2,3\n51 1\n", f"{UNCLEAR}: '50 1,2,3'"),
        ("Num Peaks: 2\n50,9,6\n51,1,5\n", f"{UNCLEAR}: '50,9,6'"),
        ("Num Peaks: 2\n50 1\nabc def\n", "peaks that are not numbers: 'abc def'"),
        ("Num Peaks: 2\n50 1\n51 2x\n", "peaks that are not numbers: '51 2x'"),
        ("Num Peaks: 2\n50 1\n51 1-2\n", "peaks that are not numbers: '51 1-2'"),
        ("Num Peaks: 2\n50 1\n51\n", "peaks that are not numbers: '51'"),
        ("Num Peaks: 2\n50 1\n51 nan\n", "an intensity that is not a finite number"),
        ("Num Peaks: 2\n50 1\n51 1e99\n", "an intensity that is not a finite number"),
        ("Num Peaks: 2\n50 1\n51 -2\n", "a negative intensity"),
        ("Num Peaks: 2\n50 0\n51 0.0\n", "all intensities are zero"),
        ("Num Peaks: 2\n-50 1\n51 2\n", "an m/z that is not a number above 0"),
        ("Num Peaks: 2\nnan 1\n51 2\n", "an m/z that is not a number above 0"),
        ("Num Peaks: 1\n123456 1\n", "an m/z above 10,000"),
        ("Num Peaks: \n50 1 51 2\n", "peak count differs: several peaks a line and no number of peaks announced"),
    ],
)
def test_a_bad_record_keeps_its_row_and_the_others_go_on(tmp_path: Path, peaks: str, reason: str) -> None:
    good = "Name: good\nNum Peaks: 2\n50 1\n51 4\n"
    first, bad, last = read(tmp_path, f"{good}\nName: bad\nFormula: CH4\n{peaks}\n{good}")
    assert (bad["name"], bad["formula"], bad["reason"]) == ("bad", "CH4", reason)
    assert bad["mz"] is None and bad["intensity"] is None
    for record in (first, last):
        assert record["reason"] is None
        assert record["intensity"] == [0.25, 1.0]


@pytest.mark.parametrize("last", ["Name: bad\nFormula: CH4\n", "Name: bad\n\n", "Name: bad"])
def test_a_last_record_without_peaks_is_not_lost(tmp_path: Path, last: str) -> None:
    records = read(tmp_path, "Name: good\nNum Peaks: 1\n50 1\n\n" + last)
    assert [(record["name"], record["reason"]) for record in records] == [("good", None), ("bad", "no peaks")]


def test_peaks_are_sorted_summed_and_scaled(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "Name: a\nNum Peaks: 6\n60 5\n50 2\n60 3\n50.5 4\n70 0\n55 1e0\n")
    assert record["mz"] == [50, 50.5, 55, 60]
    assert record["intensity"] == [0.25, 0.5, 0.125, 1.0]


def test_neighbouring_records_do_not_mix(tmp_path: Path) -> None:
    text = "Name: a\nNum Peaks: 2\n60 1\n50 2\n\nName: b\nNum Peaks: 1\n60 7\n\nName: c\nNum Peaks: 2\n60 1\n60 1\n"
    assert [(record["mz"], record["intensity"]) for record in read(tmp_path, text)] == [
        ([50, 60], [1.0, 0.5]),
        ([60], [1.0]),
        ([60], [1.0]),
    ]


def test_three_numbers_a_line_when_the_count_says_so(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "Name: a\nNum Peaks: 2\n50.1 1 100\n51.1 2 200\n")
    assert record["intensity"] == [0.5, 1.0]


def test_records_named_otherwise_or_not_at_all(tmp_path: Path) -> None:
    one = "Num Peaks: 1\n50 1\n\n"
    text = f"COMPOUND_NAME: a\n{one}COMPOUND_NAME: b\n\nSMILES: C\n{one}{one}"
    assert [record["name"] for record in read(tmp_path, text)] == ["a", "b", "entry 2"]


@pytest.mark.parametrize("ri", ["0", "-1", "N/A", "", "StdPolar=3013/26/8", "nan"])
def test_no_retention_index(tmp_path: Path, ri: str) -> None:
    (record,) = read(tmp_path, f"Name: a\nRI: {ri}\nNum Peaks: 1\n50 1\n")
    assert record["ri"] is None


def test_missing_values_are_null(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "Name: a\nSMILES: N/A\nInChIKey: none\nFormula: \nNum Peaks: 1\n50 1\n")
    assert (record["smiles"], record["inchikey"], record["formula"]) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\xff" * 100, "content is binary"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "content is binary"),
        (b"Dear all,\nplease find attached\n", "is no spectral library"),
        (b"Name: a\nFormula: CH4\n", "is no spectral library"),
        (b"PAR1 but not really", "not a readable Parquet file"),
        (gzip.compress(NIST.encode(), mtime=0)[:60], "damaged or cut short"),
        (lzma.compress(NIST.encode())[:60], "damaged or cut short"),
    ],
)
def test_files_that_are_no_library(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "my library é.msp"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_spectra(path)
    assert str(path) in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_spectra(tmp_path / "absent.msp")
    with pytest.raises(InputError, match="is a folder"):
        read_spectra(tmp_path)


def test_own_table_comes_back_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.msp").write_text(NIST + "\nName: bad\nNum Peaks: 2\n50 1\n")
    spectra = read_spectra(tmp_path / "a.msp")
    tables.write(spectra, tmp_path / "a.parquet", tables.SPECTRA)
    assert read_spectra(tmp_path / "a.parquet").equals(spectra)
    pq.write_table(pq.read_table(tmp_path / "a.parquet").slice(1), tmp_path / "fewer.parquet")
    assert read_spectra(tmp_path / "fewer.parquet")["entry"].to_pylist() == [0, 1]


def test_features_and_components_are_named_after_themselves(tmp_path: Path) -> None:
    spectrum = {"mz": [[50.0, 60.0]], "intensity": [[1.0, 0.5]]}
    feature = {"feature": ["F1"], "rt_s": [10.0], "ri": [900.0], "n_runs": [3], **spectrum}
    component = {"run": ["day 1"], "component": [12], "rt_s": [10.0], **spectrum}
    tables.write(tables.table(tables.FEATURES, feature), tmp_path / "f.parquet", tables.FEATURES)
    tables.write(tables.table(tables.COMPONENTS, component), tmp_path / "c.parquet", tables.COMPONENTS)
    (of_feature,) = read_spectra(tmp_path / "f.parquet").to_pylist()
    (of_component,) = read_spectra(tmp_path / "c.parquet").to_pylist()
    assert (of_feature["name"], of_feature["ri"]) == ("F1", 900.0)
    assert (of_component["name"], of_component["ri"]) == ("day 1/12", None)


def test_an_empty_features_table_is_an_empty_table(tmp_path: Path) -> None:
    tables.write(tables.table(tables.FEATURES, {}), tmp_path / "f.parquet", tables.FEATURES)
    assert len(read_spectra(tmp_path / "f.parquet")) == 0


def test_a_foreign_table(tmp_path: Path) -> None:
    rows = {
        "accession": ["A1", "A2", "A3", "A4", "A5"],
        "SMILES": ["C", None, "CC", "CCC", "O"],
        "retention_index": ["1200", "NA", " 1300.5 ", None, "1"],
        "mz": pa.array([[60.0, 50.0], [50.0, 51.0], [50.0], None, [50.0, 51.0]], pa.large_list(pa.float64())),
        "intensity": [[2, 1], [1], [float("nan")], None, [1, None]],
        "instrument": [{"vendor": 1}] * 5,
    }
    pq.write_table(pa.table(rows), tmp_path / "foreign.parquet")
    found = read_spectra(tmp_path / "foreign.parquet").to_pylist()
    assert [record["name"] for record in found] == ["A1", "A2", "A3", "A4", "A5"]
    assert [record["ri"] for record in found] == [1200, None, 1300.5, None, None]  # 1 is below methane
    assert [record["smiles"] for record in found] == ["C", None, "CC", "CCC", "O"]
    assert (found[0]["mz"], found[0]["intensity"]) == ([50, 60], [0.5, 1.0])
    assert [record["reason"] for record in found] == [
        None,
        "m/z and intensity differ in number",
        "an intensity that is not a finite number",
        "no peaks",
        "an intensity that is not a finite number",
    ]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ({"name": ["a"]}, "has no columns mz and intensity"),
        ({"mz": ["50 51"], "intensity": ["1 2"]}, "the column mz holds string"),
        ({"mz": [[["50"]]], "intensity": [[1.0]]}, "the column mz holds list"),
        ({"mz": [[50.0]], "intensity": [[1.0]], "name": [[1]]}, "the column name holds list"),
    ],
)
def test_foreign_tables_that_cannot_serve(tmp_path: Path, rows: dict, problem: str) -> None:
    pq.write_table(pa.table(rows), tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match=problem):
        read_spectra(tmp_path / "foreign.parquet")


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    pq.write_table(pa.table({"mz": [[50.0]], "intensity": [[1.0]]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_spectra(path)


def test_real_libraries(shared: Path) -> None:
    pnnl = read_spectra(shared / "libraries" / "PNNLMetV20191015.msp")
    assert len(pnnl) == 1284
    assert pnnl["reason"].null_count == 1284
    assert pnnl["ri"].null_count == 0
    assert set(pnnl["ri_scale"].to_pylist()) == {"fame"}
    massbank = read_spectra(shared / "massbank_ei.parquet")
    assert len(massbank) == pq.read_metadata(shared / "massbank_ei.parquet").num_rows
    assert set(massbank["ionization"].to_pylist()) == {"EI"}
    assert massbank["inchikey"].null_count == 0
    assert len(massbank["ri"].drop_null()) > 1000
