"""The configuration: what is checked, what is filled in, what is said of a mistake."""

from pathlib import Path

import pytest
import yaml

from spectus import configuration
from spectus.errors import InputError


def test_defaults_are_filled_in_at_every_level() -> None:
    config = configuration.checked_config({"deconvolve": {"min_ions": 5}})
    assert config["deconvolve"] == {"min_snr": 4.0, "min_ions": 5}
    assert config["denovo"]["beams"] == 10
    assert config["report"]["ground_truth"] is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lirbaries": ["x.msp"]}, "lirbaries: unknown key; write 'libraries'"),
        ({"deconvolve": {"snr": 3}}, "deconvolve.snr: unknown key; write 'min_snr'"),
        ({"identify": {"zzz": 3}}, "identify.zzz: unknown key; use one of top, library_score, ri_window"),
        ({"chunks": {"runs": 0}}, "chunks.runs: 0 is less than the minimum of 1; write for example 10"),
        ({"chunks": {"runs": 2.5}}, "chunks.runs: 2.5 is not a whole number; write for example 10"),
        ({"align": {"min_similarity": "high"}}, "align.min_similarity: 'high' is not a number; write for example 0.7"),
        ({"on_bad_run": "ignore"}, "on_bad_run: unknown value 'ignore'; use one of fail, skip"),
        ({"libraries": "a.msp"}, "libraries: 'a.msp' is not a list; write for example"),
        ({"search": None}, "search: has no keys below it; give it some, indented, or remove the line"),
        ({"deconvolve": {"min_snr": float("nan")}}, "deconvolve.min_snr: 'nan' is not a number"),
        ({"report": {"ground_truth": 3}}, "report.ground_truth: 3 is not text or null"),
    ],
)
def test_an_unusable_setting_is_one_line_with_key_and_remedy(config: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        configuration.checked_config(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_file_at_fault_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("search: {top: 5}\nlibraries: [7]\n")
    second.write_text("search: {top: many}\n")
    with pytest.raises(InputError, match=r"b\.yaml, search\.top: 'many' is not a whole number"):
        configuration.checked_config({"search": {"top": "many"}}, [first, second])
    with pytest.raises(InputError, match=r"a\.yaml, libraries\.0: 7 is not text"):
        configuration.checked_config({"libraries": [7]}, [first, second])
    with pytest.raises(InputError, match=r"configuration, search\.tip: unknown key"):
        configuration.checked_config({"search": {"tip": 3}}, [first, second])


def test_numbers_given_on_the_command_line_as_text_mean_the_same() -> None:
    given = configuration.checked_config(
        {"deconvolve": {"min_snr": "5", "min_ions": "4"}, "report": {"ground_truth": "null"}}
    )
    written = configuration.checked_config({"deconvolve": {"min_snr": 5.0, "min_ions": 4}})
    assert given == written
    assert configuration.config_hash(given) == configuration.config_hash(written)


def test_the_hash_changes_with_a_value_and_not_with_the_order() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert configuration.config_hash(one) == configuration.config_hash(other)
    assert configuration.config_hash(one) != configuration.config_hash({"a": 1, "b": {"c": 2, "d": 4}})


def test_the_settings_of_the_report_read_back_as_they_were() -> None:
    config = configuration.checked_config({"report": {"title": "Größe: 5 µL"}})
    assert yaml.safe_load(configuration.as_yaml(config)) == config


def test_names_of_version_0_3_are_replaced_and_said() -> None:
    old = {
        "batch": {"runs": 5}, "forward": {"molecules": "a.smi", "judge": False, "parts": 3}, "rank": {"top": 3},
        "translate": {"beams": 2}, "search": {"without": "b.csv"}, "report": {"truth": None},
        "molecules": {"held_out": "c.txt", "without": None},
    }  # fmt: skip
    notes, new = configuration.current_names(old)
    config = configuration.checked_config(new)
    assert config["chunks"]["runs"] == 5
    assert config["predict"] == {"molecules": "a.smi", "model": "rassp", "chunks": 3}
    assert config["identify"]["reranker"] is None
    assert config["identify"]["top"] == 3
    assert config["denovo"]["beams"] == 2
    assert config["search"]["exclude"] == "b.csv"
    assert config["molecules"]["exclude"] == ["c.txt"]
    assert len(notes) == len(set(notes)) == 10
    assert "configuration: the section rank is now called identify" in notes


def test_names_of_this_version_need_no_note() -> None:
    config = configuration.checked_config({})
    assert configuration.current_names(config) == ([], config)
