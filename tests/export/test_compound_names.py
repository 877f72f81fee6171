import pytest

from spectus.export.compound_names import is_cas_number, name_and_cas


@pytest.mark.parametrize(
    ("record", "name", "cas"),
    [
        ("Toluene", "Toluene", None),
        ("Toluene#2", "Toluene", None),
        ("Toluene (108-88-3)#12", "Toluene", "108-88-3"),
        ("Aspirin, CAS: 50-78-2", "Aspirin", "50-78-2"),
        ("50-78-2", "50-78-2", "50-78-2"),
        ("PCB 10-12-3", "PCB 10-12-3", None),  # the check digit is wrong
        ("Unknown #2", "Unknown #2", None),  # a name of its own, not a counter
        ("2,3-dimethyl-5-78-2-1", "2,3-dimethyl-5-78-2-1", None),
        (None, None, None),
        ("", None, None),
    ],
)
def test_counters_and_numbers_leave_the_name(record: str | None, name: str | None, cas: str | None) -> None:
    assert name_and_cas(record) == (name, cas)


def test_a_stated_number_takes_precedence() -> None:
    assert name_and_cas("Aspirin (50-78-2)", "58-08-2") == ("Aspirin", "58-08-2")
    assert name_and_cas(None, "58-08-2") == (None, "58-08-2")


def test_check_digits() -> None:
    assert all(map(is_cas_number, ("108-88-3", "7732-18-5", "50-78-2", "1912-24-9")))
    assert not any(map(is_cas_number, ("108-88-4", "108-88", "", "x108-88-3", "1234567-8-9")))
