"""Assignments are exact."""

import importlib.util
import sys
from importlib import import_module

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from lmctheory.matching.solvers import (
    assignment,
)
from tests.matching.solvers.examples import matrices


def check_assignments(solve) -> None:
    rng = np.random.default_rng(0)
    for m in (1, 2, 3, 7, 20, 65):
        for name, gain in matrices(m, rng).items():
            for dtype in (torch.float64, *([torch.float32] if abs(gain).max() < 1e30 else [])):
                tensor = torch.from_numpy(gain).to(dtype)
                order = solve(tensor)
                exact = tensor.double().numpy()
                rows, columns = linear_sum_assignment(exact, maximize=True)
                assert np.array_equal(np.sort(order), rows), name
                best, found = exact[rows, columns], exact[rows, order]
                tolerance = 1e-13 * np.abs(exact).max()
                assert ((best - found) / m).sum() <= tolerance, name


def test_assignments_are_exact_for_gains_of_every_kind():
    check_assignments(assignment)


def test_assignments_are_exact_without_the_fast_package(monkeypatch):
    module = import_module("lmctheory.matching.solvers._assignment")
    monkeypatch.setitem(sys.modules, "lap", None)
    fallback = importlib.util.module_from_spec(module.__spec__)
    module.__spec__.loader.exec_module(fallback)
    assert fallback._solve is linear_sum_assignment
    assert module._solve is not linear_sum_assignment
    check_assignments(fallback.assignment)
