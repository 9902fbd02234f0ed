"""T6: ReLU students of one ReLU teacher, trained apart, matched and joined by a line."""

import numpy as np
import torch
from torch import Tensor

from lmctheory.rates import optimal_permutation
from lmctheory.sweeps.typed import entropy_of
from simulations.two_layer_widths.tasks import Teacher, TeacherTask

__all__ = ["INPUTS", "STUDENTS", "TEACHER", "run_teacher", "target", "teacher_neurons"]

INPUTS = (5, 20)
TEACHER = 4
"""Neurons of the teacher, with output weights 1 and -1 in turn and directions at random."""
STUDENTS = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64, 128, 256)
STEPS = 1000
BATCH = 128
LEARNING_RATE = 0.03
TEST = 4096
TIMES = np.linspace(0, 1, 11)[1:-1].tolist()


def run_teacher(task: TeacherTask) -> Teacher:
    """Barriers of every pair, matched and not, and every student's loss, over the target's power.

    Students are in the mean-field scaling, f = (1/m) sum a_i relu(<w_i, x>), and see fresh inputs
    x ~ N(0, I) in every step; Adam, with a cosine schedule.
    """
    torch.set_num_threads(1)
    seeds = np.random.SeedSequence(entropy_of(task)).generate_state(1)
    rng = torch.Generator().manual_seed(int(seeds[0]))
    teacher = teacher_neurons(TEACHER, task.inputs, rng=torch.Generator().manual_seed(task.seed))
    w, a = _trained(teacher, task.width, 2 * task.pairs, rng)
    x = torch.randn(TEST, task.inputs, generator=rng)
    y = target(teacher, x)
    power = float(y.square().mean())
    order = torch.from_numpy(np.random.default_rng(seeds).permutation(task.width))
    found = Teacher(loss=[], matched=[], unmatched=[])
    for k in range(0, len(w), 2):
        ends = [torch.cat([a[i, :, None], w[i]], dim=1) for i in (k, k + 1)]
        perm = optimal_permutation(ends[0].double().numpy(), ends[1].double().numpy())
        for barriers, indices in (
            (found.matched, torch.from_numpy(perm)),
            (found.unmatched, order),
        ):
            barriers.append(_barrier(ends[0], ends[1][indices], x, y) / power)
        found.loss.extend(_loss(theta, x, y) / power for theta in ends)
    return found


def teacher_neurons(neurons: int, inputs: int, *, rng: torch.Generator) -> Tensor:
    """Directions of the teacher's neurons, unit vectors ``[neurons, inputs]``."""
    return torch.nn.functional.normalize(torch.randn(neurons, inputs, generator=rng))


def target(teacher: Tensor, x: Tensor) -> Tensor:
    """What the teacher says of inputs ``[n, d]``: its output weights are 1 and -1 in turn."""
    signs = 1.0 - 2.0 * (torch.arange(len(teacher)) % 2)
    return (x @ teacher.T).relu() @ signs


def _trained(teacher: Tensor, width: int, nets: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weights ``[nets, width, d]`` and output weights ``[nets, width]`` after training."""
    d = teacher.shape[1]
    w = (torch.randn(nets, width, d, generator=rng) * (2 / d) ** 0.5).requires_grad_()
    a = torch.randn(nets, width, generator=rng).requires_grad_()
    optimiser = torch.optim.Adam([w, a], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        x = torch.randn(BATCH, d, generator=rng)
        f = torch.einsum("nm,nbm->nb", a, (x @ w.mT).relu()) / width
        optimiser.zero_grad()
        loss = (f - target(teacher, x)).square().mean(dim=1).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return w.detach(), a.detach()


def _loss(theta: Tensor, x: Tensor, y: Tensor) -> float:
    f = (x @ theta[:, 1:].T).relu() @ theta[:, 0] / len(theta)
    return float((f - y).square().mean())


def _barrier(theta_a: Tensor, theta_b: Tensor, x: Tensor, y: Tensor) -> float:
    """Signed, the largest over t."""
    end_a, end_b = (_loss(theta, x, y) for theta in (theta_a, theta_b))
    return max(
        _loss(t * theta_a + (1 - t) * theta_b, x, y) - t * end_a - (1 - t) * end_b for t in TIMES
    )
