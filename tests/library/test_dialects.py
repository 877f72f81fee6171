"""Libraries as users have them: fields in odd places, keys of other programs, numbers of other locales."""

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.io import netcdf_file

from spectus import tables
from spectus.errors import InputError
from spectus.library.build import build_library
from spectus.library.parquet import predicted_by
from spectus.library.records import read_spectra
from spectus.library.splits import read_split

TOLUENE = [39, 51, 65, 91, 92]
SHARES = [0.096, 0.054, 0.108, 1.0, 0.652]
INCHI = "InChI=1S/C7H8/c1-7-5-3-2-4-6-7/h2-6H,1H3"
KEY = "YXFVVABEGXRONW-UHFFFAOYSA-N"
ONE_PEAK = "Num Peaks: 1\n91 999\n"


def read(folder: Path, text: str | bytes, name: str = "library.msp") -> list[dict]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_spectra(path).to_pylist()


def said(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(caplog.messages)


# Fields after Num Peaks


@pytest.mark.parametrize(
    "ethanol",
    [
        "NAME: Ethanol\nNUM PEAKS: 4\nSMILES: CCO\nRETENTIONINDEX: 427\n29 300\n31 999\n45 500\n46 200\n",
        "NAME: Ethanol\nNUM PEAKS: 4\n29 300\n31 999\n45 500\n46 200\nSMILES: CCO\nRETENTIONINDEX: 427\n",
        "NAME: Ethanol\nNUM PEAKS: 4\n29 300\n31 999\n45 500\n46 200\n\nSMILES: CCO\nRETENTIONINDEX: 427\n",
        "NAME: Ethanol\nNUM PEAKS: 4\nSMILES: CCO\n\n29 300\n31 999\n45 500\n46 200\nRETENTIONINDEX: 427\n",
        "NUM PEAKS: 4\nNAME: Ethanol\nSMILES: CCO\nRETENTIONINDEX: 427\n29 300\n31 999\n45 500\n46 200\n",
    ],
)
@pytest.mark.parametrize("between", ["\n", ""])
def test_fields_after_num_peaks_belong_to_their_record(tmp_path: Path, ethanol: str, between: str) -> None:
    text = ethanol + between + "NAME: Acetone\nFORMULA: C3H6O\nNUM PEAKS: 2\n43 999\n58 300\n"
    if ethanol.startswith("NUM"):
        text = ethanol + between + "NUM PEAKS: 2\nNAME: Acetone\nFORMULA: C3H6O\n43 999\n58 300\n"
    first, second = read(tmp_path, text)
    assert (first["name"], first["smiles"], first["ri"], len(first["mz"])) == ("Ethanol", "CCO", 427, 4)
    assert (second["name"], second["smiles"], second["ri"], second["formula"]) == ("Acetone", None, None, "C3H6O")
    assert len(second["mz"]) == 2


def test_fields_amid_and_after_the_peaks_of_mgf(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "BEGIN IONS\nNAME=a\n91 100\nSMILES=Cc1ccccc1\n92 66\nRI=760\nEND IONS\n", "a.mgf")
    assert (record["smiles"], record["ri"], record["mz"]) == ("Cc1ccccc1", 760, [91, 92])


# Numbers of other locales


@pytest.mark.parametrize(
    "peaks",
    [
        "39 9,6\n51 5,4\n65 10,8\n91 100,0\n92 65,2\n",
        "39\t0,096\n51\t0,054\n65\t0,108\n91\t1,000\n92\t0,652\n",
        "39,0 0,096\n51,0 0,054\n65,0 0,108\n91,0 1\n92,0 0,652\n",
        "39 960\n51 540\n65 1,080\n91 10,000\n92 6,520\n",
        "39.0 960\n51.0 540\n65.0 1,080\n91.0 10,000\n92.0 6,520\n",
        "39 960\n51 540\n65 1.080\n91 10.000\n92 6.520\n",
        "39 960\n51 540\n65 1'080\n91 10'000\n92 6'520\n",
        "39 960\n51 540\n65 1\u00a0080\n91 10\u00a0000\n92 6\u00a0520\n",
        "39 960\n51 540\n65 1 080\n91 10 000\n92 6 520\n",
        "39 96,000\n51 54,000\n65 108,000\n91 1000,000\n92 652,000\n",
        "(39 9,6) (51 5,4) (65 10,8) (91 100,0) (92 65,2)\n",
        "39 9,6; 51 5,4; 65 10,8; 91 100,0; 92 65,2\n",
        "39:0.96 51:0.54 65:1.08 91:10.0 92:6.52\n",
        '39 9,6 "C3H3"\n51 5,4\n65 10,8\n91 100,0 "C7H7"\n92 65,2\n',
        "39,9.6\n51,5.4\n65,10.8\n91,100.0\n92,65.2\n",
        "39,0;9,6\n51,0;5,4\n65,0;10,8\n91,0;100,0\n92,0;65,2\n",
        "39 9.6%\n51 5.4 %\n65 10.8%\n91 100%\n92 65.2%\n",
        "39 51 65 91 92\n96 54 108 1000 652\n",
        "1 39 96\n2 51 54\n3 65 108\n4 91 1000\n5 92 652\n",
        "0\t39\t96\n1\t51\t54\n2\t65\t108\n3\t91\t1000\n4\t92\t652\n",
        "(39,96 B0.3)(51,54 B0.1)(65,108)(91,1000)(92,652 I0.2)\n",
    ],
)
def test_the_same_spectrum_in_every_locale(tmp_path: Path, peaks: str) -> None:
    (record,) = read(tmp_path, f"Name: Toluene\nNum Peaks: 5\n{peaks}")
    assert record["reason"] is None
    assert record["mz"] == TOLUENE
    assert record["intensity"] == pytest.approx(SHARES, abs=1e-6)


def test_a_decimal_comma_elsewhere_in_the_file_settles_an_ambiguous_record(tmp_path: Path) -> None:
    """12,345 and 100: as thousands 1 : 123, as decimals 1 : 0.12."""
    ambiguous = "Name: a\nNum Peaks: 2\n50 12,345\n51 100\n\n"
    assert read(tmp_path, ambiguous)[0]["intensity"] == pytest.approx([1, 100 / 12345])
    decided = read(tmp_path, ambiguous + "Name: b\nNum Peaks: 2\n50 7,5\n51 99,25\n", "b.msp")
    assert decided[0]["intensity"] == pytest.approx([0.12345, 1])


def test_three_decimals_beside_a_whole_base_peak_are_decimals(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "Name: a\nNum Peaks: 3\n39 12.340\n65 3.120\n91 100\n")
    assert record["intensity"] == pytest.approx([0.1234, 0.0312, 1])


def test_decimal_commas_in_mgf(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "BEGIN IONS\nNAME=a\n73,05 100,5\n74,05 9,5\nEND IONS\n", "a.mgf")
    assert record["mz"] == pytest.approx([73.05, 74.05])
    assert record["intensity"] == pytest.approx([1, 9.5 / 100.5])


def test_commas_between_pairs_stay_separators(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "Name: a\nNum Peaks: 4\n55,40 67,60\n109,70 194,999\n")
    assert record["mz"] == [55, 67, 109, 194]
    assert record["intensity"] == pytest.approx([40 / 999, 60 / 999, 70 / 999, 1])


@pytest.mark.parametrize(
    ("ri", "value"),
    [("986,97", 986.97), ("1,158.3", 1158.3), ("1 234.5", 1234.5), ("1'234.5", 1234.5), ("760,2", 760.2)],
)
def test_retention_indices_of_other_locales(tmp_path: Path, ri: str, value: float) -> None:
    assert read(tmp_path, f"Name: a\nRI: {ri}\n{ONE_PEAK}")[0]["ri"] == value


def test_an_index_that_cannot_be_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = read(tmp_path, f"Name: a\nRI: 1234-1240\n{ONE_PEAK}")
    assert record["ri"] is None
    assert "1 retention indices cannot be read without doubt, such as '1234-1240'" in said(caplog)


def test_a_thousands_separator_in_the_number_of_peaks(tmp_path: Path) -> None:
    peaks = "".join(f"{mz / 2:g} {mz}\n" for mz in range(100, 1180))
    (record,) = read(tmp_path, f"Name: a\nNum Peaks: 1,080\n{peaks}")
    assert (record["reason"], len(record["mz"])) == (None, 1080)


# Structure fields


@pytest.mark.parametrize(
    "fields",
    [
        f"InChI: {INCHI}",
        f"InChI: {INCHI.removeprefix('InChI=')}",
        f"SMILES: {INCHI}",
        f"InChIKey: {INCHI}",
        f"SMILES: N/A\nInChI: {INCHI}\nInChIKey: {KEY}",
        f"SMILES: not a molecule\nInChI: {INCHI}",
        f'Comment: "InChI={INCHI}"',
        f"Synon: METB InChI: {INCHI}",
        f"CH$IUPAC: {INCHI}",
    ],
)
def test_an_inchi_gives_the_structure_wherever_it_stands(tmp_path: Path, fields: str) -> None:
    (record,) = read(tmp_path, f"Name: Toluene\n{fields}\n{ONE_PEAK}")
    assert (record["smiles"], record["inchikey"], record["contradiction"]) == ("Cc1ccccc1", KEY, None)


@pytest.mark.parametrize("field", ["InChIKey", "InChI", "CH$LINK: INCHIKEY"])
@pytest.mark.parametrize("key", [KEY, KEY.lower(), f"InChIKey={KEY}"])
def test_an_inchikey_alone(tmp_path: Path, field: str, key: str) -> None:
    line = f"{field} {key}" if field.endswith("INCHIKEY") else f"{field}: {key}"
    (record,) = read(tmp_path, f"Name: Toluene\n{line}\n{ONE_PEAK}")
    assert (record["smiles"], record["inchikey"]) == (None, KEY)


@pytest.mark.parametrize("nothing", ["N/A", "null", "none", "-", "0", "not available", "InChI=", "unknown", "NaN"])
def test_placeholders_are_no_structure(tmp_path: Path, nothing: str, caplog: pytest.LogCaptureFixture) -> None:
    fields = f"SMILES: {nothing}\nInChI: {nothing}\nInChIKey: {nothing}\nFormula: {nothing}"
    (record,) = read(tmp_path, f"Name: a\n{fields}\n{ONE_PEAK}")
    assert (record["smiles"], record["inchikey"], record["formula"]) == (None, None, None)
    assert not said(caplog)


def test_contradicting_fields_are_told_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = read(tmp_path, f"Name: a\nSMILES: CCc1ccccc1\nInChIKey: {KEY}\n{ONE_PEAK}")
    assert (record["smiles"], record["inchikey"]) == ("CCc1ccccc1", KEY)
    assert record["contradiction"] == "SMILES contradicts InChIKey"
    assert "the structure fields contradict each other in 1 of 1 records" in said(caplog)


def test_a_smiles_below_the_peaks_yields_to_the_key(tmp_path: Path) -> None:
    fields = 'InChIKey: MXNRLFUSFKVQSK-QMMMGPOBSA-N\nFormula: H2O\nComments: "computed SMILES=O"'
    (record,) = read(tmp_path, f"Name: Unknown\n{fields}\nNum Peaks: 2\n60 100\n189.16 30\n")
    assert (record["name"], record["smiles"], record["formula"]) == ("Unknown", None, None)
    assert record["inchikey"] == "MXNRLFUSFKVQSK-QMMMGPOBSA-N"
    assert "contradicts InChIKey" in record["contradiction"]


@pytest.mark.parametrize(
    ("smiles", "key"),
    [
        ("C[C@H](N)C(=O)O", "QNAYBMKLOCPYGJ-UHFFFAOYSA-N"),  # stereochemistry
        ("CC(=O)[O-]", "QTBSBXVTEAMEQO-UHFFFAOYSA-N"),  # acetate, and the key of acetic acid
    ],
)
def test_stereochemistry_and_charge_are_no_contradiction(tmp_path: Path, smiles: str, key: str) -> None:
    (record,) = read(tmp_path, f"Name: a\nSMILES: {smiles}\nInChIKey: {key}\nNum Peaks: 1\n43 1\n")
    assert record["contradiction"] is None


@pytest.mark.parametrize(
    ("smiles", "formula", "contradicts"),
    [
        ("Cc1ccccc1", "C7H8", False),
        ("Cc1ccccc1", "C 7 H 8", False),
        ("CC(=O)[O-]", "C2H4O2", False),
        ("CC(O)C(=O)O", "C9H22O3Si2", False),  # lactic acid, 2 TMS
        ("O=CC(=O)O", "C6H13NO3Si", False),  # glyoxylic acid, methoxime, TMS
        ("ClC(Cl)Cl", "CDCl3", False),
        ("Cc1ccccc1", "unclear", False),
        ("Cc1ccccc1", "C6H6", True),
        ("O", "C9H20N2O2", True),
        ("Cc1ccccc1", "C8H10", True),
    ],
)
def test_a_formula_that_is_not_of_the_structure(tmp_path: Path, smiles: str, formula: str, contradicts: bool) -> None:
    (record,) = read(tmp_path, f"Name: a\nSMILES: {smiles}\nFormula: {formula}\nNum Peaks: 1\n15 1\n")
    assert record["contradiction"] == ("SMILES contradicts formula" if contradicts else None)


def test_a_key_and_a_smiles_that_agree_outweigh_the_formula(tmp_path: Path) -> None:
    (record,) = read(tmp_path, f"Name: a\nSMILES: Cc1ccccc1\nInChIKey: {KEY}\nFormula: C7H88\n{ONE_PEAK}")
    assert (record["smiles"], record["contradiction"]) == ("Cc1ccccc1", None)


def test_a_structure_that_is_none_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = read(tmp_path, f"Name: a\nSMILES: C1CC\n{ONE_PEAK}")
    assert record["smiles"] == "C1CC"
    assert "the structure cannot be read in 1 of 1 records" in said(caplog)


def test_building_a_library_counts_spectra_of_derivatives(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.msp").write_text("Name: alanine\nSMILES: CC(N)C(=O)O\nNum Peaks: 2\n73 90\n116 999\n")
    build_library([tmp_path / "a.msp"], tmp_path / "a.parquet")
    assert "1 of 1 records have peaks above the mass of their structure" in said(caplog)


# Keys of other dialects

MASSBANK_MSP = """CH$NAME: Lactic acid 2TMS
CH$NAME: a synonym
CH$LINK: INCHIKEY XXHYJMLJVHYSRX-UHFFFAOYSA-N
CH$SMILES: CC(C(=O)O[Si](C)(C)C)O[Si](C)(C)C
CH$FORMULA: C9H22O3Si2
AC$INSTRUMENT_TYPE: GC-EI-TOF
AC$MASS_SPECTROMETRY: MS_TYPE MS
AC$MASS_SPECTROMETRY: ION_MODE POSITIVE
AC$CHROMATOGRAPHY: RETENTION_TIME 6.51
AC$CHROMATOGRAPHY: RETENTION_INDEX 1051.2
LICENSE: CC BY
Num Peaks: 2
73 999
117 700

CH$NAME: Second 2TMS
AC$CHROMATOGRAPHY: KOVATS_RTI 1120.9
Num Peaks: 1
73 999
"""
MASSBANK_RECORD = """ACCESSION: MSBNK-Here-JP000{n}
RECORD_TITLE: Toluene; EI-B; MS
LICENSE: CC BY-SA
CH$NAME: {name}
CH$NAME: Methylbenzene
CH$FORMULA: C7H8
CH$SMILES: Cc1ccccc1
CH$IUPAC: InChI=1S/C7H8/c1-7-5-3-2-4-6-7/h2-6H,1H3
CH$LINK: CAS 108-88-3
CH$LINK: INCHIKEY YXFVVABEGXRONW-UHFFFAOYSA-N
AC$INSTRUMENT_TYPE: EI-B
AC$MASS_SPECTROMETRY: MS_TYPE MS
PK$SPLASH: splash10-0006-9000000000-ac8d7e4bbcc7e4a3f0d2
PK$ANNOTATION: m/z formula
  91.05 C7H7+
PK$NUM_PEAK: 2
PK$PEAK: m/z int. rel.int.
  91.05 1200.5 999
  92.06 780 649
//
"""


def test_massbank_keys_in_msp(tmp_path: Path) -> None:
    first, second = read(tmp_path, MASSBANK_MSP)
    assert first["name"] == "Lactic acid 2TMS"
    assert first["smiles"] == "CC(C(=O)O[Si](C)(C)C)O[Si](C)(C)C"
    assert first["inchikey"] == "XXHYJMLJVHYSRX-UHFFFAOYSA-N"
    assert (first["formula"], first["ri"], first["ionization"]) == ("C9H22O3Si2", 1051.2, "EI")
    assert first["license"] == "CC BY"
    assert (second["name"], second["ri"], second["ri_scale"]) == ("Second 2TMS", 1120.9, "alkane")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_massbank_records_in_a_file_and_in_a_folder(tmp_path: Path, ends: str) -> None:
    texts = [MASSBANK_RECORD.format(n=n, name=name).replace("\n", ends) for n, name in enumerate(["Toluene", "Other"])]
    joined = read(tmp_path, "".join(texts), "records.txt")
    folder = tmp_path / "records"
    (folder / "Here").mkdir(parents=True)
    for n, text in enumerate(texts):
        (folder / "Here" / f"JP000{n}.txt").write_bytes(text.encode())
    (folder / "README.txt").write_text("nothing")
    found = read_spectra(folder).to_pylist()
    assert predicted_by(folder) is None
    for records in (joined, found):
        assert [record["name"] for record in records] == ["Toluene", "Other"]
        assert records[0]["mz"] == pytest.approx([91.05, 92.06])
        assert records[0]["intensity"] == pytest.approx([1, 780 / 1200.5])
        assert records[0]["source"] == "MSBNK-Here-JP0000"
        assert (records[0]["license"], records[0]["ionization"]) == ("CC BY-SA", "EI")
        assert records[1]["inchikey"] == KEY


def test_golm_synonyms(tmp_path: Path) -> None:
    text = (
        "Name: M000412_A100001-101-xxx_NA_986,12_TRUE_VAR5_ALK_Toluene (1TMS)\nSynon: MST N: Toluene (1TMS)\n"
        f"Synon: RI: 986,12\nSynon: RI VAR5 ALK: TRUE\nSynon: METB N: toluene\nSynon: METB InChI: {INCHI}\n"
        f"Synon: METB InChIKey: {KEY}\nFormula: C10H16Si\nNum Peaks: 3\n85:201 86:55 87:10\n"
    )
    (record,) = read(tmp_path, text)
    assert (record["name"], record["ri"], record["ri_scale"]) == ("Toluene (1TMS)", 986.12, "alkane")
    assert (record["smiles"], record["inchikey"], record["formula"]) == ("Cc1ccccc1", KEY, "C10H16Si")
    assert record["mz"] == [85, 86, 87]


def test_a_library_without_any_name_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path, f"Foo: a\n{ONE_PEAK}")[0]["name"] == "entry 0"
    assert "none of its records has a name" in said(caplog)


# Peaks at m/z 0


def test_peaks_at_mz_0_are_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = read(
        tmp_path, "Name: a\nNum Peaks: 4\n0 9\n18 4\n43 999\n58 300\n\nName: b\nNum Peaks: 2\n0.4 9\n43 999\n"
    )
    assert (first["mz"], second["mz"]) == ([18, 43, 58], [43])
    assert "2 peaks at m/z 0 are left out" in said(caplog)


def test_a_record_with_nothing_but_peaks_at_mz_0(tmp_path: Path) -> None:
    assert read(tmp_path, "Name: a\nNum Peaks: 1\n0 9\n")[0]["reason"] == "all peaks are at m/z 0"


# Ionization


def test_spectra_that_are_not_from_electron_ionization_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    esi = "Spectrum_type: MS2\nInstrument_type: LC-ESI-QQ\nIon_mode: "
    text = "".join(
        f"Name: {name}\n{fields}\n{ONE_PEAK}\n"
        for name, fields in [("a", esi + "POSITIVE"), ("b", esi + "NEGATIVE"), ("c", "Instrument_type: GC-EI-Q")]
    )
    records = read(tmp_path, text)
    assert [record["ionization"] for record in records] == ["ESI MS2", "ESI MS2 negative", "EI"]
    assert "2 of 3 records are not from electron ionization (ESI MS2: 1, ESI MS2 negative: 1)" in said(caplog)
    assert not any(record["reason"] for record in records)


def test_ionization_in_comments_and_mgf(tmp_path: Path) -> None:
    comment = 'Comments: "instrument type=LC-ESI-QFT" "ionization=ESI" "ms level=MS2" "ionization mode=positive"'
    assert read(tmp_path, f"Name: a\n{comment}\n{ONE_PEAK}")[0]["ionization"] == "ESI MS2"
    gnps = "BEGIN IONS\nNAME=a\nMSLEVEL=2\nSOURCE_INSTRUMENT=LC-ESI-qTof\nIONMODE=Positive\n91 1\nEND IONS\n"
    assert read(tmp_path, gnps, "a.mgf")[0]["ionization"] == "ESI MS2"


def test_jcamp_fields(tmp_path: Path) -> None:
    text = (
        "##TITLE=Toluene\n##DATA TYPE=MASS SPECTRUM\n##.IONIZATION MODE=CI+\n##$RETENTION INDEX=760,2\n"
        f"##$INCHI={INCHI}\n##NPOINTS=2\n##PEAK TABLE=(XY..XY)\n91,999 92,650\n##END=\n"
    )
    (record,) = read(tmp_path, text, "a.jdx")
    assert (record["ionization"], record["ri"], record["smiles"]) == ("CI", 760.2, "Cc1ccccc1")


def test_other_ionizations_are_not_for_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.msp").write_text(f"Name: a\nInstrument_type: CI-B\n{ONE_PEAK}\nName: b\n{ONE_PEAK}")
    assert [row["name"] for row in read_split(tmp_path / "a.msp", None)] == ["b"]
    assert "1 of 2 records are not from electron ionization (CI: 1); they are left out" in said(caplog)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-8-sig"])
def test_encodings_of_msp(tmp_path: Path, encoding: str) -> None:
    text = f"Name: Caféine\n{ONE_PEAK}" * 3
    assert read(tmp_path, text.encode(encoding))[0]["name"] == "Caféine"


# Tables


@pytest.mark.parametrize("column", ["name", "query", "id", "feature", "accession", "Name", "ID"])
def test_names_of_a_foreign_table(tmp_path: Path, column: str, caplog: pytest.LogCaptureFixture) -> None:
    pq.write_table(pa.table({column: ["a"], "mz": [[50.0]], "intensity": [[1.0]]}), tmp_path / "a.parquet")
    assert read_spectra(tmp_path / "a.parquet")["name"].to_pylist() == ["a"]
    assert not said(caplog)


def test_a_table_without_names_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pq.write_table(pa.table({"label": ["a"], "mz": [[50.0]], "intensity": [[1.0]]}), tmp_path / "a.parquet")
    assert read_spectra(tmp_path / "a.parquet")["name"].to_pylist() == ["entry 0"]
    assert "has no column with names (feature, name, query, id or accession)" in said(caplog)
    assert len(caplog.messages) == 1


def test_fields_of_a_foreign_table(tmp_path: Path) -> None:
    columns = {
        "name": ["a", "b"], "inchi": [INCHI, None], "ri": ["1,158.3", "760"], "ri_scale": ["alkane", "FAME"],
        "ri_extrapolated": [False, True], "instrument_type": ["LC-ESI-QTOF", "GC-EI-Q"], "ms_level": ["MS2", "MS"],
        "licence": ["CC0", None], "accession": ["X1", "X2"], "mz": [[50.0]] * 2, "intensity": [[1.0]] * 2,
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    first, second = read_spectra(tmp_path / "a.parquet").to_pylist()
    assert (first["smiles"], first["inchikey"], first["ri"], first["ri_scale"]) == ("Cc1ccccc1", KEY, 1158.3, "alkane")
    assert (first["ionization"], first["license"], first["source"]) == ("ESI MS2", "CC0", "X1")
    assert (second["ri_scale"], second["ri_extrapolated"], second["ionization"]) == ("fame", True, "EI")


def test_a_library_of_an_earlier_version_is_read_as_it_stands(tmp_path: Path) -> None:
    old = ["entry", "name", "smiles", "inchikey", "formula", "ri", "mz", "intensity", "reason"]
    row = {"entry": 3, "name": "a", "smiles": "C", "ri": 100.0, "mz": [15.0], "intensity": [1.0]}
    tables.write(tables.table(tables.SPECTRA, [row]), tmp_path / "a.parquet", tables.SPECTRA)
    pq.write_table(pq.read_table(tmp_path / "a.parquet").select(old), tmp_path / "old.parquet")
    (record,) = read_spectra(tmp_path / "old.parquet").to_pylist()
    assert (record["entry"], record["name"], record["ri_scale"], record["mz"]) == (0, "a", None, [15])


# Other formats


def andi_library(path: Path, experiment: bytes) -> None:
    with netcdf_file(path, "w") as file:
        file.experiment_type = experiment
        for name, length in (("scan_number", 2), ("point_number", 3), ("_16", 16)):
            file.createDimension(name, length)
        numbers = {"mass_values": [91, 92, 43], "intensity_values": [999, 650, 500]}
        for name, values in numbers.items():
            file.createVariable(name, "h", ("point_number",))[:] = values
        for name, values in {"scan_index": [0, 2], "point_count": [2, 1]}.items():
            file.createVariable(name, "i", ("scan_number",))[:] = values
        for name, texts in {"entry_name": ["TOLUENE", "ACETONE"], "chemical_formula": ["C7H8", ""]}.items():
            letters = np.array([list(text.ljust(16, "\0")) for text in texts], "S1")
            file.createVariable(name, "c", ("scan_number", "_16"))[:] = letters


def test_an_andi_library(tmp_path: Path) -> None:
    andi_library(tmp_path / "a.CDF", b"Library Mass Spectrum")
    toluene, acetone = read_spectra(tmp_path / "a.CDF").to_pylist()
    assert (toluene["name"], toluene["formula"], toluene["mz"]) == ("TOLUENE", "C7H8", [91, 92])
    assert (acetone["name"], acetone["formula"], acetone["mz"]) == ("ACETONE", None, [43])


def test_an_andi_run_is_named_for_what_it_is(tmp_path: Path) -> None:
    andi_library(tmp_path / "run.CDF", b"Centroided Mass Spectrum")
    with pytest.raises(InputError, match="no library: it has the experiment type 'centroided mass spectrum'"):
        read_spectra(tmp_path / "run.CDF")
    (tmp_path / "cut.CDF").write_bytes(b"CDF\x01" + struct.pack(">I", 7) + b"\0" * 9)
    with pytest.raises(InputError):
        read_spectra(tmp_path / "cut.CDF")


SDF = """toluene
  made

  7  7  0  0  0  0  0  0  0  0999 V2000
{atoms}{bonds}M  END
>  <NAME>
Toluene

>  <INCHIKEY>
YXFVVABEGXRONW-UHFFFAOYSA-N

>  <INSTRUMENT TYPE>
EI-B

>  <NUM PEAKS>
2

>  <MASS SPECTRAL PEAKS>
91 999
92 650

$$$$
"""


def test_sdf_with_spectra(tmp_path: Path) -> None:
    atoms = "".join(f"{0:10.4f}{0:10.4f}{0:10.4f} C   0  0  0  0  0  0  0  0  0  0  0  0\n" for _ in range(7))
    pairs = [(1, 2, 1), (2, 3, 2), (3, 4, 1), (4, 5, 2), (5, 6, 1), (6, 7, 2), (7, 2, 1)]
    bonds = "".join(f"{a:3d}{b:3d}{order:3d}  0\n" for a, b, order in pairs)
    (first, second) = read(tmp_path, SDF.format(atoms=atoms, bonds=bonds) * 2, "a.sdf")
    assert (first["name"], first["smiles"], first["inchikey"]) == ("Toluene", "Cc1ccccc1", KEY)
    assert (first["mz"], first["ionization"], second["name"]) == ([91, 92], "EI", "Toluene#2")


# Layouts and values that would be read wrong, or not at all


def test_pairs_of_rising_numbers_stay_pairs(tmp_path: Path) -> None:
    """Two lines of as many numbers as peaks, the first of which rises."""
    (record,) = read(tmp_path, "Name: a\nNum Peaks: 4\n40 41 50 51\n60 5 70 9\n")
    assert record["mz"] == [40, 50, 60, 70]
    (record,) = read(tmp_path, "Name: a\nNum Peaks: 3\n2 5 1\n3 6 1\n4 9 1\n", "b.msp")
    assert record["mz"] == [2, 3, 4]  # hydrogen isotopes: the first numbers do not count the lines from 1


@pytest.mark.parametrize("line", ["-----", "=" * 20, "  ***  ", "#####", "____"])
def test_lines_between_records(tmp_path: Path, line: str) -> None:
    records = read(tmp_path, f"Name: a\n{ONE_PEAK}{line}\nName: b\n{ONE_PEAK}{line}\n")
    assert [(record["name"], record["mz"]) for record in records] == [("a", [91]), ("b", [91])]


def test_a_number_of_peaks_without_a_colon(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "Name: a\nNum Peaks 2\n50 1\n51 2\n")
    assert record["mz"] == [50, 51]


@pytest.mark.parametrize("mark", ["#", ";", "!", "/"])
def test_mgf_in_small_letters_with_comments(tmp_path: Path, mark: str) -> None:
    text = f"{mark} a list\nbegin ions\ntitle=Toluene\n{mark} 65 108\n91 999\n92 652\nend ions\n"
    (record,) = read(tmp_path, text, "a.mgf")
    assert (record["name"], record["mz"], record["reason"]) == ("Toluene", [91, 92], None)


def test_names_of_windows_and_utf_32(tmp_path: Path) -> None:
    assert read(tmp_path, f"Name: \x96 \xe4\n{ONE_PEAK}".encode("latin-1"))[0]["name"] == "\u2013 ä"
    assert read(tmp_path, f"Name: β-ä\n{ONE_PEAK}".encode("utf-32"), "b.msp")[0]["name"] == "β-ä"


@pytest.mark.parametrize(
    "field",
    [f'InChI: "{INCHI}"', 'SMILES: "Cc1ccccc1"', "SMILES: 'Cc1ccccc1'", "SMILES: Cc1ccccc1 |c:1,3,5| toluene"],
)
def test_structures_in_quotation_marks_or_with_more(tmp_path: Path, field: str) -> None:
    (record,) = read(tmp_path, f'Name: "Toluene"\n{field}\n{ONE_PEAK}')
    assert (record["name"], record["smiles"], record["contradiction"]) == ("Toluene", "Cc1ccccc1", None)


@pytest.mark.parametrize(
    ("written", "formula"),
    [
        ("C7 H8", "C7H8"), ("C₇H₈", "C7H8"), ("[C7H8]+.", "C7H8"), ("C7H8+", "C7H8"), ("H8C7", "C7H8"),
        ("C11H18O3N2", "C11H18N2O3"), ("C7H7Cl", "C7H7Cl"), ("HCl", "ClH"), ("C7H8.HCl", "C7H8.HCl"), ("C6D6", "C6D6"),
    ],
)  # fmt: skip
def test_formulas_are_written_one_way(tmp_path: Path, written: str, formula: str) -> None:
    assert read(tmp_path, f"Name: a\nFormula: {written}\n{ONE_PEAK}")[0]["formula"] == formula


@pytest.mark.parametrize("bad", ["49 -3", "49 nan", "-49 3", "nan 3"])
def test_few_bad_peaks_are_left_out_and_counted(tmp_path: Path, bad: str, caplog: pytest.LogCaptureFixture) -> None:
    good = [f"{mz} {mz}" for mz in range(50, 59)]
    (record,) = read(tmp_path, f"Name: {bad}\nNum Peaks: 10\n" + "\n".join([*good, bad]) + "\n")
    assert (record["mz"], record["reason"]) == (list(range(50, 59)), None)
    assert "1 peaks are left out whose m/z or intensity is negative or no number" in said(caplog)
    (record,) = read(tmp_path, f"Name: {bad}\nNum Peaks: 9\n" + "\n".join([*good[:8], bad]) + "\n", "b.msp")
    assert record["reason"]


def test_an_infinite_intensity_may_be_the_base_peak(tmp_path: Path) -> None:
    peaks = "\n".join([*(f"{mz} {mz}" for mz in range(50, 69)), "91 1e99"])
    assert read(tmp_path, f"Name: a\nNum Peaks: 20\n{peaks}\n")[0]["reason"]


# Retention indices of polar columns


@pytest.mark.parametrize(
    ("fields", "ri"),
    [
        ("RI: 1042\nColumn: DB-WAX", None), ("RI: 1042\nAC$CHROMATOGRAPHY: COLUMN_NAME Stabilwax, 30 m", None),
        ("RI: 1042 (DB-WAX)", None), ("RI: 1042 polar", None), ("KovatsRI: 1042\nColumn: HP-FFAP", None),
        ("RI: 763\nColumn: DB-5", 763), ("RI: 763 (DB-5), 1042 (DB-WAX)", 763), ("RI: 763 (non-polar)", 763),
        ("RI: 763\nColumn: semi-standard non-polar", 763),
        ("Retention_index: SemiStdNP=763/3/12 StdPolar=1042/9/30\nColumn: DB-WAX", 763),
    ],
)  # fmt: skip
def test_indices_of_polar_columns_among_others(
    tmp_path: Path, fields: str, ri: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    other = f"Name: other\nRI: 900\n{ONE_PEAK}"
    first, second = read(tmp_path, f"Name: Toluene\n{fields}\n{ONE_PEAK}\n{other}")
    assert (first["ri"], second["ri"]) == (ri, 900)
    assert ("those of polar columns are left out" in said(caplog)) == (ri is None)


def test_a_library_of_a_polar_column_keeps_its_indices(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = read(tmp_path, f"Name: Toluene\nRI: 1042\nColumn: DB-WAX\n{ONE_PEAK}")
    assert record["ri"] == 1042
    assert "such as 'DB-WAX': compare them with indices of such a column only" in said(caplog)


def test_jcamp_with_widths_is_said(tmp_path: Path) -> None:
    text = "##TITLE= a\n##NPOINTS= 1\n##PEAK TABLE= (XYW..XYW)\n91, 999, 1\n##END=\n"
    assert "form (XYW..XYW), which is not read" in read(tmp_path, text, "a.jdx")[0]["reason"]
