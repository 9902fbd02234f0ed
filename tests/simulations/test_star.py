"""The study of stars: a step of its training, what is tried, and its claims."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.matching import match
from lmctheory.networks import MLP, TrainingConfig, load_dataset, seeded_generators
from lmctheory.networks.state import slots
from lmctheory.paths import interpolate
from paper_figures.star import draw
from simulations.simplex_grid import combined, grid_shares
from simulations.star.centre import train_centre
from simulations.star.measurement import (
    CENTRES,
    TRIANGLES,
    Centre,
    Measured,
    Rays,
    Task,
    Triangle,
    _length,
    run,
)
from simulations.star.summary import claims, report, require_one_study, shapes
from simulations.training import Training


def networks(count, width=6):
    return [MLP((64, width, 10), rng=seeded_generators(seed)[0]) for seed in range(count)]


def test_a_step_follows_the_gradient_on_a_segment():
    data = load_dataset("digits").train[:50]
    start, *models = networks(3)
    before = [slots(model)["layers.0.weight"].clone() for model in (start, *models)]
    config = TrainingConfig(
        epochs=1, batch_size=50, learning_rate=0.3, momentum=0, schedule="constant"
    )
    found = train_centre(start, models, data, config, method="activation", seed=3)
    # the same draws, and the same step by hand
    draws = torch.Generator().manual_seed(3)
    k = int(torch.randint(2, (), generator=draws))
    t = float(torch.rand((), generator=draws, dtype=torch.float64))
    other = match(start, models[k], "activation", data.inputs).apply(models[k])
    middle = interpolate(start, other, t)
    loss = torch.nn.functional.cross_entropy(middle(data.inputs), data.labels)
    gradients = torch.autograd.grad(loss, list(middle.parameters()))
    for old, new, gradient in zip(start.parameters(), found.parameters(), gradients, strict=True):
        torch.testing.assert_close(new, old - 0.3 * t * gradient)
    for model, weight in zip((start, *models), before, strict=True):
        assert torch.equal(model.layers[0].weight, weight)


def test_matchings_are_renewed_at_every_epoch(monkeypatch):
    from simulations.star import centre

    seen = []
    monkeypatch.setattr(centre, "match", lambda *given: seen.append(given) or match(*given))
    data = load_dataset("digits").train[:20]
    start, *models = networks(3)
    config = TrainingConfig(epochs=3, batch_size=10)
    train_centre(start, models, data, config, method="activation", seed=0)
    assert len(seen) == 3 * 2


def test_lengths_are_those_of_chains():
    a, b = networks(2)
    half, beyond = interpolate(a, b, 0.5), interpolate(a, b, 1.0)
    assert _length(a, half, b) == pytest.approx(_length(a, b))
    assert _length(b, beyond, b) == pytest.approx(2 * _length(a, b))
    square = sum(
        float((p - q).detach().square().sum())
        for p, q in zip(a.parameters(), b.parameters(), strict=True)
    )
    assert _length(a, b) == pytest.approx(square**0.5, rel=1e-5)


def test_grids_of_simplices():
    shares = np.array(grid_shares(3, 4))
    assert len(shares) == 15
    np.testing.assert_allclose(shares.sum(1), 1)
    a, b, c = networks(3)
    found = combined([a, b, c], (0.5, 0.25, 0.25)).layers[0].weight
    by_hand = a.layers[0].weight / 2 + (b.layers[0].weight + c.layers[0].weight) / 4
    torch.testing.assert_close(found, by_hand)


TASK = Task("digits", 1, 6, 3, 3, "activation", 12, 3, 0, Training(epochs=4), 0)


@pytest.fixture(scope="module")
def found():
    return run(TASK)


def test_what_is_tried(found):
    assert tuple(found.centres) == CENTRES
    assert tuple(found.triangles) == TRIANGLES
    star, long = found.centres["star"], found.centres["long"]
    assert star.sources.train < 0.7 * long.sources.train  # that is what it was trained for
    for centre in found.centres.values():
        assert centre.length >= 1
        assert centre.held_out.peak >= centre.loss - 1e-9
    for triangle in found.triangles.values():
        assert triangle.barrier >= -1e-6
        assert 0 <= triangle.certified <= 1 - triangle.refuted + 1e-12


def measured(scale, repetition):
    """Barriers of pairs are 1, of the star to unseen networks a scale of it, with some noise."""
    noise = 0.01 * (-1) ** repetition
    rays = Rays(1.0 + noise, 1.0 + noise, 2.0)
    to_star = Rays(scale + 2 * noise, scale + 2 * noise, 1.5)
    ordinary = Centre(rays, rays, Rays(1.6, 1.6 + noise, 2.0), 1.4, 0.2, 0.9)
    star = Centre(Rays(0.1, 0.1, 1.0), to_star, rays, 1.05 + noise, 0.1 + noise, 0.9)
    centres = {"star": star, "long": ordinary, "mean": ordinary, "ordinary": ordinary}
    return Measured(rays, centres, dict.fromkeys(TRIANGLES, Triangle(1.0 + noise)))


def results(scale):
    return [
        (replace(TASK, width=width, repetition=k), measured(scale, k))
        for width in (6, 12)
        for k in range(4)
    ]


def test_claims_follow_what_is_measured(printed):
    verdicts = {
        scale: [claim.verdict for claim in claims(shapes(results(scale))[0])]
        for scale in (0.4, 0.8, 1.0, 1.5)
    }
    assert [one[0] for one in verdicts.values()] == [
        *("reproduced", "different", "not reproduced", "different")
    ]
    assert verdicts[0.4] == [
        *["reproduced"] * 3,
        *["undecided"] * 2,  # nothing was trained for longer
        *["reproduced"] * 4,
        *("not reproduced", "reproduced"),
    ]
    longer = [(replace(TASK, centre_epochs=99, repetition=k), measured(0.4, k)) for k in range(4)]
    found = claims(*shapes([*results(0.4), *longer]))
    assert [claim.verdict for claim in found[3:5]] == ["reproduced"] * 2
    text = printed(report, results(0.4))
    assert "unseen: star below pairs" in text
    left, right = draw(results(0.4)).axes
    star = next(line for line in left.containers if line.get_label() == "star to unseen")
    np.testing.assert_allclose(star.lines[0].get_ydata().astype(float), 0.4)
    assert "1 hidden layer:" in right.get_title()


def test_other_stars_are_a_table_of_their_own(printed):
    more, longer = replace(TASK, sources=5), replace(TASK, centre_epochs=99)
    all_results = [*results(0.4), (more, measured(0.4, 0)), (longer, measured(0.4, 0))]
    usual, tried = shapes(all_results)
    assert [(shape.width, shape.sources) for shape in usual] == [(6, 3), (12, 3)]
    assert [(shape.sources, shape.epochs) for shape in tried] == [(3, 12), (3, 99), (5, 12)]
    assert shapes([]) == ([], [])
    require_one_study(all_results)
    assert "Other stars" in printed(report, all_results)


def test_another_method_is_another_study():
    other = replace(TASK, method="weight")
    with pytest.raises(ValueError, match="method"):
        require_one_study([*results(0.4), (other, measured(0.4, 0))])
