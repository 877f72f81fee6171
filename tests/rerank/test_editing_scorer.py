import numpy as np
import pytest

from spectus.denovo.editing.scoring import CANNOT
from spectus.rerank.editing_scorer import RerankerScorer
from spectus.rerank.reranker import load_reranker


def test_the_reranker_scores_edited_structures_in_any_order_and_portions() -> None:
    naphthalene = np.zeros(1000, np.float32)
    naphthalene[[128, 129, 127, 102, 64, 51]] = 1.0, 0.11, 0.12, 0.07, 0.06, 0.1
    smiles = ["CCCCCCCCO", "c1ccc2ccccc2c1", "Cc1ccccc1", "[Na]Cl"]
    scorer = RerankerScorer(load_reranker("open", 1))
    query = scorer.query(naphthalene)
    found = query.scores(smiles)
    assert found.argmax() == 1
    assert found[3] == CANNOT
    other = scorer.query(naphthalene)
    other.scores(smiles[2:])
    assert other.scores(smiles[::-1])[::-1] == pytest.approx(found, abs=1e-4)
    assert len(scorer.query(naphthalene).scores([])) == 0
