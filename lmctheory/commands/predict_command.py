"""`predict`: the barrier that narrower networks predict, beside that of two networks."""

from lmctheory.commands.options import (
    DataDir,
    DataSource,
    Examples,
    Figure,
    Format,
    InputShape,
    Json,
    LossName,
    Match,
    Model,
    ModelArgs,
    Narrow,
    PathA,
    PathB,
    Points,
    Split,
)

__all__ = ["predict"]


def predict(
    a: PathA,
    b: PathB,
    model: Model,
    data: DataSource,
    narrow: Narrow,
    model_args: ModelArgs = "{}",
    loss: LossName = "cross_entropy",
    match: Match = None,
    split: Split = "test",
    data_dir: DataDir = None,
    examples: Examples = None,
    input_shape: InputShape = "",
    points: Points = 25,
    form: Format = "table",
    json: Json = None,
    figure: Figure = None,
) -> None:
    """The barrier that narrower networks predict at the width of two networks, beside theirs."""
    from lmctheory.commands.given import examples_of, narrow_networks_of, networks_of, refusals
    from lmctheory.commands.output import deliver, require_output
    from lmctheory.comparison import compare

    require_output(form, json, figure)
    model_a, model_b = networks_of([a, b], model, model_args, "cpu")
    narrower = narrow_networks_of(narrow or (), model_a)
    given = examples_of(
        data, loss, split=split, data_dir=data_dir, limit=examples, shape=input_shape
    )
    with refusals():
        found = compare(
            model_a,
            model_b,
            given,
            methods=match or ("weighted",),
            points=points,
            sections=["prediction"],
            narrow=narrower,
        )
    deliver(found.parts.values(), form, json, figure)
