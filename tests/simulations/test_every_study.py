"""What holds for every study: it has a figure of its name, which says what makes its results."""

from importlib import import_module

import pytest

from simulations.__main__ import STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_the_figure_names_the_command_that_makes_its_results(study, tmp_path):
    figure = import_module(f"paper_figures.{study}")
    with pytest.raises(SystemExit, match=f"make them with: python -m simulations {study}"):
        figure.main(tmp_path / "none.sqlite", tmp_path / "figure")


def test_every_study_is_called_by_its_name():
    for name, command in STUDIES.items():
        assert command.__name__ == name
        assert (command.__doc__ or "").strip()
