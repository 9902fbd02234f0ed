"""Results that the repository keeps: figures are drawn from them where there are no others."""

from importlib import import_module

import pytest

from paper_figures.kept import FOLDER, keep, stored
from simulations.__main__ import STUDIES

NAMES = sorted(path.name.removesuffix(".sqlite.xz") for path in FOLDER.glob("*.xz"))


def test_results_come_first_and_kept_ones_are_copied(tmp_path):
    results, folder = tmp_path / "one.sqlite", tmp_path / "kept"
    with stored(results, folder) as found:
        assert found == results  # there are none at all: the reader says so
    results.write_bytes(b"mine")
    assert keep(results, folder).name == "one.sqlite.xz"
    with stored(results, folder) as found:
        assert found == results
    results.unlink()
    with stored(results, folder) as found:
        assert found.read_bytes() == b"mine"
    assert not results.exists()
    assert not found.exists()


@pytest.mark.parametrize("name", NAMES)
def test_kept_results_are_those_of_a_study(name):
    """Of its version: others are not found again."""
    study = STUDIES[name].load().study
    with stored(FOLDER / "nowhere" / f"{name}.sqlite") as found:
        assert len(study.read(found)) > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_their_figures_are_drawn(name, tmp_path):
    figure = import_module(f"paper_figures.{name}")
    figure.main(results=tmp_path / f"{name}.sqlite", output=tmp_path / name)
    assert (tmp_path / f"{name}.png").exists()
