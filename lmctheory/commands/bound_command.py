"""The commands `bound matching`, `bound width` and `bound error`."""

from pathlib import Path
from typing import Annotated

import typer

from lmctheory.commands.options import DataDir, DataSource, Format, Json, Split
from lmctheory.commands.summaries import WholeSummaries

__all__ = ["bound"]

bound = typer.Typer(
    cls=WholeSummaries,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Bounds of the theory: matching costs of neurons, errors and widths of networks.",
)

Depth = Annotated[int, typer.Option(min=1, help="Hidden layers.")]
Sigma = Annotated[str, typer.Option("--activation", help="Of the hidden layers.")]
WeightScale = Annotated[
    float, typer.Option("--s-w", min=0.0, help="Weights have variance s_w^2 / fan-in; He's root 2.")
]
BiasScale = Annotated[float, typer.Option("--s-b", min=0.0, help="Standard deviation of biases.")]
Time = Annotated[float, typer.Option("--t", help="Where on the segment.")]
Some = Annotated[
    int, typer.Option("--examples", min=2, help="Take so many of the data, the first ones.")
]


@bound.command()
def matching(
    width: Annotated[int, typer.Option(min=1, help="Neurons of each layer.")],
    spectrum: Annotated[
        Path | None, typer.Option(help="Eigenvalues of the neurons' covariance, a file .npy.")
    ] = None,
    covariance: Annotated[
        Path | None, typer.Option(help="The covariance itself, a file .npy.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A checkpoint, of which --layer is taken.")
    ] = None,
    layer: Annotated[str, typer.Option(help="Its name there, such as fc1.")] = "",
    law: Annotated[
        str,
        typer.Option(
            metavar="gaussian|empirical",
            help="Of the layer's rows: the Gaussian of their covariance, or they themselves.",
        ),
    ] = "gaussian",
    p: Annotated[float, typer.Option(help="Power of the distance.")] = 2.0,
    why: Annotated[
        bool, typer.Option("--why", help="Say also why the other arguments do not apply.")
    ] = False,
    form: Format = "table",
    json: Json = None,
) -> None:
    """Bounds the cost of matching two layers of independent neurons, from both sides."""
    from lmctheory.commands.bounding import law_of, matching_part
    from lmctheory.commands.given import refusals
    from lmctheory.commands.output import deliver, require_output

    require_output(form, json)
    with refusals():
        found = law_of(spectrum, covariance, weights, layer, law)
        part = matching_part(found, width, p, why=why)
    deliver([part], form, json)


@bound.command("width")
def width_(
    eps: Annotated[float, typer.Option(help="Error, relative to the outputs.")],
    data: DataSource,
    depth: Depth = 1,
    activation: Sigma = "relu",
    s_w: WeightScale = 2**0.5,
    s_b: BiasScale = 0.0,
    t: Time = 0.5,
    delta: Annotated[
        float | None, typer.Option(help="Below eps with probability 1 - delta, not on average.")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(metavar="neurons|parameters", help="The fewest; else equal ones."),
    ] = None,
    split: Split = "train",
    data_dir: DataDir = None,
    examples: Some = 500,
    form: Format = "table",
    json: Json = None,
) -> None:
    """Widths that suffice for two Gaussian networks, matched, to be connected up to eps."""
    from lmctheory.commands.bounding import networks_on, width_part
    from lmctheory.commands.given import refusals, unjudged
    from lmctheory.commands.output import deliver, require_output

    require_output(form, json)
    with refusals():
        given = unjudged(data, split=split, data_dir=data_dir, limit=examples)
        networks = networks_on(given, depth, activation, s_w, s_b)
        part = width_part(networks, eps, t, delta, objective)
    deliver([part], form, json)


@bound.command()
def error(
    width: Annotated[list[int], typer.Option(min=1, help="Of each hidden layer, or of all.")],
    data: DataSource,
    depth: Depth = 1,
    activation: Sigma = "relu",
    s_w: WeightScale = 2**0.5,
    s_b: BiasScale = 0.0,
    t: Time = 0.5,
    split: Split = "train",
    data_dir: DataDir = None,
    examples: Some = 500,
    form: Format = "table",
    json: Json = None,
) -> None:
    """Bounds the function error of two Gaussian networks, matched, at t."""
    from lmctheory.commands.bounding import error_part, networks_on
    from lmctheory.commands.given import refusals, unjudged
    from lmctheory.commands.output import deliver, require_output

    require_output(form, json)
    with refusals():
        given = unjudged(data, split=split, data_dir=data_dir, limit=examples)
        networks = networks_on(given, depth, activation, s_w, s_b)
        part = error_part(networks, width * depth if len(width) == 1 else width, t)
    deliver([part], form, json)
