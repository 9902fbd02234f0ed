"""`barrier`, `certify` and `layers`: single sections of a comparison."""

from collections.abc import Callable

from lmctheory.commands.options import (
    DataDir,
    DataSource,
    Device,
    Examples,
    Figure,
    Format,
    InputShape,
    Json,
    LossName,
    Match,
    Model,
    ModelArgs,
    PathA,
    PathB,
    Points,
    Split,
)

__all__ = ["SECTION_COMMANDS"]


def _section_command(about: str, *names: str) -> Callable[..., None]:
    def command(
        a: PathA,
        b: PathB,
        model: Model,
        data: DataSource,
        model_args: ModelArgs = "{}",
        loss: LossName = "cross_entropy",
        match: Match = None,
        split: Split = "test",
        data_dir: DataDir = None,
        examples: Examples = None,
        input_shape: InputShape = "",
        points: Points = 25,
        device: Device = "cpu",
        form: Format = "table",
        json: Json = None,
        figure: Figure = None,
    ) -> None:
        from lmctheory.commands.given import examples_of, networks_of, refusals
        from lmctheory.commands.output import deliver, require_output
        from lmctheory.comparison import compare

        require_output(form, json, figure)
        model_a, model_b = networks_of([a, b], model, model_args, device)
        given = examples_of(
            data, loss, split=split, data_dir=data_dir, limit=examples, shape=input_shape
        )
        with refusals():
            found = compare(
                model_a, model_b, given, methods=match or (), points=points, sections=list(names)
            )
        deliver(found.parts.values(), form, json, figure)

    command.__doc__ = about
    return command


SECTION_COMMANDS = {
    "barrier": _section_command(
        "Loss and accuracy on the segment between two networks, before and after matching.",
        "barriers",
    ),
    "certify": _section_command(
        "What the weights of two networks prove about all networks between them.", "certificates"
    ),
    "layers": _section_command(
        "Barriers of single layers and windows, and linear connectivity of features.",
        "layers",
        "features",
    ),
}
"""By name."""
