from spectus.report.content import _best_candidate_first


def test_the_hit_of_the_best_candidate_is_shown_first() -> None:
    """A predicted spectrum's score is on another scale, so its hit may stand behind one that ranking put last."""
    hits = [
        {"name": "weak", "inchikey": "AAAAAAAAAAAAAA-X"}, {"name": "none", "inchikey": None},
        {"name": "best", "inchikey": "BBBBBBBBBBBBBB-Y"}, {"name": "best again", "inchikey": "BBBBBBBBBBBBBB-Z"},
    ]  # fmt: skip
    ordered = _best_candidate_first(hits, [{"inchikey": "BBBBBBBBBBBBBB-Y"}, {"inchikey": "AAAAAAAAAAAAAA-X"}])
    assert [hit["name"] for hit in ordered] == ["best", "best again", "weak", "none"]
    assert _best_candidate_first(hits, []) == hits
    assert _best_candidate_first(hits, [{"inchikey": None}]) == hits
