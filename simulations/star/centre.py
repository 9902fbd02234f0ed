r"""The centre of a star: a network of low loss on the segments to several others.

theta minimises E loss(t theta + (1 - t) pi_k theta_k) over k uniform on the others and t uniform on
[0, 1], by descent on batches with one k and one t for each. Permutations pi_k match the others with
theta as it is at the beginning of each epoch.

Reference: Sonthalia et al. 2024.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.networks import Examples, TrainingConfig
from lmctheory.networks.data_order import epochs
from lmctheory.networks.state import copied, slots
from lmctheory.networks.training.descent import Course, descend
from lmctheory.paths.blends import blended_state

__all__ = ["train_centre"]


def train_centre(
    start: nn.Module,
    models: Sequence[nn.Module],
    data: Examples,
    config: TrainingConfig,
    *,
    method: str,
    seed: int,
) -> nn.Module:
    """A network of low loss on the segments to others, matched anew at every epoch.

    Args:
        start: what it begins as; left as it is.
        models: the others, left as they are.
        data: the training examples.
        config: of its training.
        method: of `lmctheory.matching.match`.
        seed: of the order of the data, of k and of t.
    """
    centre = copied(start)
    network, parameters = copied(start), dict(centre.named_parameters())
    draws = torch.Generator().manual_seed(seed)
    per_epoch = config.steps(len(data)) // config.epochs
    aligned: list[dict[str, Tensor]] = []
    step = 0

    def forward(x: Tensor) -> Tensor:
        nonlocal step
        if step % per_epoch == 0:
            matched = (match(centre, model, method, data.inputs).apply(model) for model in models)
            aligned[:] = [slots(model) for model in matched]
        step += 1
        k = int(torch.randint(len(aligned), (), generator=draws))
        t = float(torch.rand((), generator=draws, dtype=torch.float64))
        state = blended_state([slots(centre) | parameters, aligned[k]], (t, 1 - t))
        found: Tensor = torch.func.functional_call(network, state, (x[0],))
        return found.unsqueeze(0)

    order = epochs(len(data), config.epochs, seed, trunk=(seed, 0))
    descend(forward, parameters, Course(data, config, 0, {}), [order], {})
    return centre
