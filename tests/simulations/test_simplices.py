"""The study of simplices: what it records, and that nothing certified is contradicted."""

import numpy as np
import pytest

from paper_figures.simplices import draw
from simulations.simplices.measurement import ALIGNMENTS, CURVES, Task, run
from simulations.simplices.summary import report, require_one_study


@pytest.fixture(scope="module", params=["digits", "mixture"])
def found(request):
    task = Task(request.param, width=4, networks=3, examples=4, epochs=1, budget=0.05, seed=0)
    return task, run(task)


def test_certified_numbers_contain_what_is_measured(found):
    _, measured = found
    assert list(measured.simplices) == list(measured.curves) == list(ALIGNMENTS)
    for simplex in measured.simplices.values():
        assert simplex.decision.certified <= simplex.star.certified + 1e-12
        assert simplex.decision.certified <= simplex.right <= 1 - simplex.decision.refuted + 0.2
        assert simplex.barrier <= simplex.interval[1]
        for low_1, low_2, high_1, high_2, upper, _ in simplex.boxes:
            for x_0, x_1, x_2, loss in simplex.points:
                if low_1 <= x_1 <= high_1 and low_2 <= x_2 <= high_2:
                    assert loss - np.dot([x_0, x_1, x_2], simplex.ends) <= upper + 1e-5
    for curves in measured.curves.values():
        assert list(curves) == list(CURVES)
        for curve in curves.values():
            assert curve.barrier <= curve.interval[1] + 1e-5
            assert curve.decision.certified <= curve.accuracy + 1e-12
            assert curve.nodes == sorted(curve.nodes)
            assert len(curve.upper) == len(curve.nodes) - 1
            t = np.linspace(0, 1, len(curve.loss))
            chord = (1 - t) * curve.loss[0] + t * curve.loss[-1]
            at = np.clip(np.searchsorted(curve.nodes, t, "right") - 1, 0, len(curve.upper) - 1)
            assert (curve.loss - chord <= np.array(curve.upper)[at] + 1e-5).all()


def test_tables_and_figure(found):
    decided, barriers, curves = report([found])
    assert len(decided.rows) == len(barriers.rows) == len(ALIGNMENTS)
    assert len(curves.rows) == len(ALIGNMENTS) * len(CURVES)
    assert "10 % certified" not in draw([found]).axes[0].get_title()
    task, measured = found
    four = Task(**{**vars(task), "networks": 4})
    with pytest.raises(ValueError, match="three networks, the results are of 4"):
        draw([(four, measured)])
    with pytest.raises(ValueError, match="networks"):
        require_one_study([found, (four, measured)])
