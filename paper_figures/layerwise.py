"""Both figures of the layer-wise study: `python -m paper_figures.layerwise`."""

from pathlib import Path

import typer

from paper_figures import layerwise_barriers, layerwise_features
from paper_figures.command import Output, Results, draw_stored
from simulations.layerwise.command import STUDY
from simulations.layerwise.summary import require_one_study

__all__ = ["main"]


def main(
    results: Results = STUDY.results, output: Output = Path("paper_figures/layerwise")
) -> None:
    """Draws barriers by layer, and interaction and features by layer, from stored results."""
    for part, draw in {
        "barriers": layerwise_barriers.draw,
        "features": layerwise_features.draw,
    }.items():
        path = output.with_name(f"{output.name}_{part}")
        draw_stored(STUDY, results, path, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
