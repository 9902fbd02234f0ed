r"""Finding a path of low loss: the bend of a curve, trained.

phi_C(t) is a curve from B to A that is bent towards C; C minimises E_{t ~ U[0, 1]} loss(phi_C(t)),
by descent on batches with one t for each. Gradients of C are those of the network at t, times C's
coefficient there.

Reference: Garipov et al. 2018; Draxler et al. 2018.
"""

import torch
from torch import Tensor, nn

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import at_least
from lmctheory.networks import Examples, TrainingConfig
from lmctheory.networks.agreement import require_fit
from lmctheory.networks.calling import Inputs, call
from lmctheory.networks.data_order import epochs
from lmctheory.networks.state import copied, slots
from lmctheory.networks.training.configuration import checked_steps
from lmctheory.networks.training.descent import Course, descend
from lmctheory.paths._path import KINDS, Path, require_path
from lmctheory.paths.blends import blended_state
from lmctheory.paths.interpolation import interpolate
from lmctheory.progress import tracked

__all__ = ["connect"]

_CONFIG = TrainingConfig(epochs=30, learning_rate=0.05)


def connect(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    config: TrainingConfig = _CONFIG,
    *,
    kind: str = "bezier",
    bends: int = 1,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Path:
    """A curve between two networks along which the loss is low, by training its bends.

    They begin on the segment, at equal distances, and minimise the expected loss at a random t.

    Args:
        model_a: network A, at t = 1.
        model_b: network B, at t = 0, permuted or not.
        data: the training examples.
        config: of the training of the bends.
        kind: "bezier", quadratic with one bend, or "polygon", a chain of segments.
        bends: of a polygon; 1 of a Bezier curve.
        seed: of the order of the data and of t; dropout masks are drawn from it too.
        device: where to train.

    Returns:
        The path, whose `Path.certify` proves what it is worth. Its networks are new ones.

    Raises:
        TypeError: for what is no network.
        ValueError: for an unknown kind, less than one bend or more for a Bezier curve, networks
            that cannot be interpolated or have BatchNorm or nothing to train, inputs or labels
            that do not fit, a negative seed, and warm-up that takes all steps.

    Reference: Garipov et al. 2018.

    Example:
        >>> from lmctheory.networks import MLP, TrainingConfig, load_dataset
        >>> from lmctheory.networks import seeded_generators, train_many
        >>> digits, short = load_dataset("digits"), TrainingConfig(epochs=5)
        >>> initial = [MLP((64, 16, 10), rng=seeded_generators(seed)[0]) for seed in (0, 1)]
        >>> a, b = train_many(initial, digits.train, short, seeds=(0, 1))
        >>> path = connect(a, b, digits.train, short)
        >>> from lmctheory.paths import barrier
        >>> bool(path.barrier(digits.test).max < barrier(a, b, digits.test).max / 4)
        True
    """
    require_choice("kind", kind, KINDS)
    bends = at_least("bends", bends, 1)
    if kind == "bezier" and bends > 1:
        raise ValueError(f"bends must be 1 for kind='bezier', got {bends}")
    require_path((model_a, model_b))
    require_fit(model_a, data)
    seed = at_least("seed", seed, 0)
    checked_steps(config, len(data))
    between = [1 - (k + 1) / (bends + 1) for k in range(bends)]
    models = (model_a, *(interpolate(model_a, model_b, t) for t in between), model_b)
    path = Path(kind, tuple(copied(model).to(device) for model in models))
    _train(path, data, config, seed, torch.device(device))
    return path


def _train(
    path: Path, data: Examples, config: TrainingConfig, seed: int, device: torch.device
) -> None:
    """Trains the bends in place."""
    network = copied(path.models[0])
    states = [slots(model) for model in path.models]
    trained = {
        f"{k}.{name}": parameter
        for k, bend in enumerate(path.models[1:-1], start=1)
        for name, parameter in bend.named_parameters()
        if parameter.requires_grad
    }
    if not trained:
        raise ValueError("model_a must have parameters to train, got none")
    for state, bend in zip(states[1:-1], path.models[1:-1], strict=True):
        # under all names of a tied parameter
        named = bend.named_parameters(remove_duplicate=False)
        state.update({name: parameter for name, parameter in named if parameter.requires_grad})
    times = torch.Generator().manual_seed(seed)

    def forward(x: Tensor) -> Tensor:
        t = float(torch.rand((), generator=times, dtype=torch.float64))
        state = blended_state(states, path.family.at(t))

        def run(*args: Inputs, **kwargs: Inputs) -> object:
            return torch.func.functional_call(network, state, args, kwargs, tie_weights=False)

        return call(run, x[0]).unsqueeze(0)

    data = data.to(device=device, dtype=next(network.parameters()).dtype)
    order = epochs(len(data), config.epochs, seed, trunk=(seed, 0))
    course = Course(data, config, 0, {})
    order = tracked(order, "training the bend", config.epochs)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        descend(forward, trained, course, [order], {})
