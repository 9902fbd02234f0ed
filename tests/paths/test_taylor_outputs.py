"""Networks on pieces against networks at points: every node, labels and losses."""

import copy
import types
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import CNN, Examples
from lmctheory.networks.losses import as_loss
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Effort, Piece
from lmctheory.paths.segment_search import BOXES
from lmctheory.paths.taylor_outputs import Outputs, PieceNetwork
from tests.paths import pieces
from tests.paths.architectures import generator
from tests.paths.pieces import EFFORTS, IMAGES, SIGMAS, escapes, image_pair, mlp, mlp_pair

DOUBLE = Effort(3, 1000, torch.float64)


def outputs(a, b, data, piece, effort):
    network = PieceNetwork(program_of(a, b, data), piece, effort)
    return network.outputs(data.inputs.double(), data.labels, data.loss)


def logits(a, b, data, t):
    program = program_of(a, b, data)
    return program.values(program.at(t), data.inputs.double())[-1]


@pytest.mark.parametrize("name", SIGMAS)
def test_every_node_of_a_perceptron_is_inside(name):
    rng = np.random.default_rng(0)
    for seed, effort in enumerate(EFFORTS):
        a, b, data = mlp_pair(name, seed)
        piece, points = pieces.random_piece(rng), pieces.points_of(rng)
        assert not escapes(a, b, data, piece, effort, points), (effort, piece)


@pytest.mark.parametrize("name", IMAGES)
def test_every_node_of_a_network_on_images_is_inside(name):
    rng = np.random.default_rng(1)
    for seed in range(2):
        a, b, data = image_pair(name, seed, share=float(rng.choice([0.03, 0.3])), n=2)
        effort = Effort(3 - seed, [4, 0][seed], torch.float32)
        piece = Piece(0.25, 0.25 + 2.0 ** -int(rng.integers(2, 9)))
        assert not escapes(a, b, data, piece, effort, [-1.0, 0.3, 1.0]), (effort, piece)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_every_node_is_inside_for_every_effort(name):
    rng = np.random.default_rng(2)
    for seed in range(3):
        for effort in EFFORTS:
            a, b, data = image_pair(name, seed, share=float(rng.choice([0.0, 1e-3, 0.1, 0.5])))
            piece, points = pieces.random_piece(rng), pieces.points_of(rng, 3)
            found = escapes(a, b, data, piece, effort, points)
            assert not found, (seed, effort, piece)


@pytest.mark.parametrize("name", ["relu", "leaky", "tanh", "gelu", "softplus", "sigmoid"])
def test_nodes_leave_enclosures_that_are_one_percent_smaller(name):
    """So the test that finds none would find a bound that is false."""
    for seed in range(40):
        a, b, data = mlp_pair(name, seed, widths=(2, 3, 2), n=20)
        points = np.linspace(-1, 1, 41).tolist()
        piece = Piece(0.25, 0.75) if name == "relu" else Piece(0.5, 0.5 + 2.0**-5)
        if escapes(a, b, data, piece, Effort(2, 0, torch.float64), points, scale=0.99):
            return
    pytest.fail("none has left")


@pytest.mark.parametrize("slope", [0.0, 0.125, -0.25])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rational_networks_are_inside_exactly(slope, dtype):
    """At t that no float is, with weights that nearly cancel, in narrow pieces."""
    g = generator(3)
    for k in range(6):
        a, b = (mlp((3, 4, 3, 2), nn.LeakyReLU(slope), g) for _ in range(2))
        if k % 2:  # interpolated weights cancel in the middle
            with torch.no_grad():
                for p, q in zip(a.parameters(), b.parameters(), strict=True):
                    q.copy_(-p * (1 + 2.0**-40))
        x = torch.randn(1, 3, generator=g, dtype=torch.float64)
        data = Examples(x, torch.zeros(1, dtype=torch.long))
        length = 2.0 ** -[0, 4, 12, 20, 36, 50][k]
        piece = Piece(0.5, 0.5 + length)
        effort = Effort(3, 8 * (k % 3), dtype)
        models = list(PieceNetwork(program_of(a, b, data), piece, effort).models(x))
        for s in (Fraction(-1), Fraction(1, 3), Fraction(-5, 7), Fraction(1)):
            t = Fraction(1, 2) + Fraction(length) * (s + 1) / 2
            exact = pieces.exact_nodes(a, b, x[0], t, Fraction(slope))
            for i, (model, value) in enumerate(zip(models, exact, strict=True)):
                assert pieces.exactly_inside(model, value, s), (k, i, s)


def test_exact_values_leave_half_of_the_rounding_errors_of_one_layer():
    """A sum that cancels: what is left is rounding, and of the size that is allowed for."""
    g = generator(0)
    a, b = mlp((400, 1), nn.ReLU(), g), mlp((400, 1), nn.ReLU(), g)
    x = torch.randn(1, 400, generator=g, dtype=torch.float64)
    data = Examples(x, torch.zeros(1), loss="squared")
    models = list(PieceNetwork(program_of(a, b, data), Piece(0.5, 0.5), DOUBLE).models(x))
    value = pieces.exact_nodes(a, b, x[0], Fraction(1, 2))[-1]
    assert pieces.exactly_inside(models[-1], value, Fraction(0))
    assert not pieces.exactly_inside(models[-1], value, Fraction(0), Fraction(1, 10**6))


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-42, 1e-33, 1e-20, 1e20, 1e38, 1e160, 1e300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["relu", "leaky", "tanh"])
def test_what_is_large_or_small_beyond_float32_stays_inside(scale, dtype, name):
    """The first layer by a scale, the second by its inverse; the inputs too."""
    for where in ("weights", "inputs"):
        a, b, data = mlp_pair(name, 4, widths=(3, 4, 4, 2), n=3)
        with torch.no_grad():
            for net in (a, b):
                net[2].weight /= scale
                if where == "weights":
                    net[0].weight *= scale
                net[0].bias *= scale
        inputs = data.inputs * (scale if where == "inputs" else 1.0)
        data = Examples(inputs, data.labels)
        for piece in (Piece(0.0, 1.0), Piece(0.5, 0.5 + 2.0**-9), Piece(0.3, 0.3)):
            program = program_of(a, b, data)
            for effort in (Effort(2, 0, dtype), Effort(3, 9, dtype)):
                models = list(PieceNetwork(program, piece, effort).models(data.inputs))
                for s in (-1.0, 0.2, 1.0):
                    values = program.values(program.at(piece.at(s)), data.inputs)
                    for model, value in zip(models, values, strict=True):
                        off = (value - pieces.value_at(model.polynomial, s)).abs()
                        reach = pieces.room(model, s)
                        assert not (off > reach).any()  # infinity and NaN say nothing
                        assert (off <= reach).all() or reach.isinf().any() or reach.isnan().any()


def test_what_overflows_is_never_certified():
    a, _, data = mlp_pair("relu", 0, n=20)
    labels = logits(a, a, data, 1.0).argmax(1)
    data = Examples(data.inputs, labels)
    assert outputs(a, a, data, Piece(0, 1), BOXES).certified().all()
    for scale in (1e30, 1e155, 1e308):
        large = copy.deepcopy(a)
        with torch.no_grad():
            for p in large.parameters():
                p.mul_(scale)
        found = outputs(large, large, data, Piece(0, 1), BOXES)
        values = logits(large, large, data, 0.5)
        wrong = values.argmax(1) != labels
        assert not (found.certified() & (wrong | ~values.isfinite().all(1))).any()
        assert (found.losses(data.loss, labels) >= 0).all()
        assert not found.least_losses(data.loss, labels).isnan().any()


def test_labels_whose_logits_are_large_are_certified():
    a, b, data = mlp_pair("relu", 0, share=0.02, n=20)
    data = Examples(data.inputs, logits(a, b, data, 0.5).argmax(1))
    kept = outputs(a, b, data, Piece(0.5, 0.5 + 2.0**-9), BOXES).certified()
    assert kept.sum() >= 15
    with torch.no_grad():
        for net in (a, b):
            for p in net[4].parameters():
                p.mul_(2.0**60)
    assert torch.equal(outputs(a, b, data, Piece(0.5, 0.5 + 2.0**-9), BOXES).certified(), kept)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary", "squared", "values"])
def test_contrasts_and_losses_contain_those_of_networks(loss):
    rng = np.random.default_rng(5)
    for seed in range(8):
        a, b, data = mlp_pair("relu", seed, widths=(3, 6, 5, 1 if loss == "binary" else 3))
        kind = as_loss("squared" if loss == "values" else loss)
        labels = {
            "binary": (data.inputs[:, :1] > 0).double(),
            "values": torch.randn(8, 3, generator=generator(seed), dtype=torch.float64),
        }.get(loss, data.labels)
        data = Examples(data.inputs, labels, loss=kind)
        piece = pieces.random_piece(rng)
        found = outputs(a, b, data, piece, EFFORTS[seed])
        certified, bound = found.certified(), found.losses(kind, labels, 4)
        for s in pieces.points_of(rng):
            values = logits(a, b, data, piece.at(s))
            losses = kind.each(values[None], labels)[0]
            hits = kind.hits(values[None], labels)[0]
            assert not (certified & (hits != 1)).any()
            # convex between the points: the mean is at most the larger of two neighbours
            place = (s + 1) * 2
            low, high = int(np.floor(place)), int(np.ceil(place))
            assert losses.mean() <= max(bound[low].mean(), bound[high].mean())
        point = outputs(a, b, data, Piece(piece.start, piece.start), EFFORTS[seed])
        losses = kind.each(logits(a, b, data, piece.start)[None], labels)[0]
        least, most = point.least_losses(kind, labels), point.losses(kind, labels)[0]
        assert (least <= losses).all()
        assert (losses <= most).all()
        assert (most - least <= 1e-3 * (1 + losses)).all()
        if loss != "values":
            hits = kind.hits(logits(a, b, data, piece.start)[None], labels)[0]
            assert torch.equal(point.refuted(), hits == 0)
            assert torch.equal(point.certified(), hits == 1)


def test_the_bound_of_the_loss_is_attained_where_a_parabola_is():
    """Two linear layers: outputs are quadratic in t, known but for rounding."""
    a, b, data = mlp_pair("identity", 0, widths=(2, 3, 2), n=1)
    labels = torch.zeros(1, 2, dtype=torch.float64)
    kind = as_loss("squared")
    data = Examples(data.inputs, labels, loss=kind)
    found = outputs(a, b, data, Piece(0.0, 1.0), DOUBLE)
    for parts in (1, 4, 16):
        bound = found.losses(kind, labels, parts)[:, 0]
        true = torch.stack(
            [logits(a, b, data, t)[0].square().sum() for t in np.linspace(0, 1, parts + 1)]
        )
        assert (bound >= true).all()
    delta = torch.stack([k * (k - 1) * c.abs() for k, c in enumerate(found.values)]).sum(0)[0]
    widened = (true.sqrt() + (delta / (2 * 16**2)).norm()) ** 2
    torch.testing.assert_close(bound, widened, rtol=1e-9, atol=1e-9)


def test_the_bound_of_the_cross_entropy_is_attained_at_the_largest_margins():
    """Margins c + d_2 s^2 with an open part: at the ends all of it may point one way."""
    rng = generator(0)
    labels, kind = torch.zeros(6, dtype=torch.long), as_loss("cross_entropy")
    values = torch.randn(3, 6, 4, generator=rng, dtype=torch.float64)
    values[:, :, 0] = 0.0
    apart = torch.rand(6, 4, generator=rng, dtype=torch.float64)
    apart[:, 0] = 0.0
    none = values.new_zeros(2, 0, 6, 4)
    found = Outputs(values, torch.zeros_like(apart), values.clone(), apart, none, none)
    delta = values[2].abs() * 2 / (2 * 4**2)
    for bound, s in zip(found.losses(kind, labels, 4), (-1, -0.5, 0, 0.5, 1), strict=True):
        margins = values[0] + values[1] * s + values[2] * s**2 + apart + delta
        torch.testing.assert_close(bound, margins.logsumexp(1), rtol=1e-9, atol=1e-9)


def test_what_outputs_share_cancels_in_contrasts():
    """Two outputs with the same row: the contrast is known but for rounding."""
    a, b, data = mlp_pair("relu", 1, widths=(3, 8, 2), n=10)
    with torch.no_grad():
        for net in (a, b):
            net[2].weight[1] = net[2].weight[0]
            net[2].bias[0] = net[2].bias[1] + 1e-2
    data = Examples(data.inputs, torch.zeros(10, dtype=torch.long))
    for effort in (Effort(3, 0, torch.float32), Effort(3, 4, torch.float32), DOUBLE):
        found = outputs(a, b, data, Piece(0.0, 1.0), effort)
        assert found.rest.amax() > 0.1
        assert found.apart.amax() < 1e-5
        assert found.certified().all()
        torch.testing.assert_close(found.contrasts[0, :, 1], torch.full((10,), -1e-2).double())


def test_what_outputs_do_not_share_adds_in_contrasts():
    """The second row is minus the first: the contrast may be off by twice the output's rest."""
    a, b, data = mlp_pair("relu", 1, widths=(3, 8, 2), n=10)
    with torch.no_grad():
        for net in (a, b):
            net[2].weight[1] = -net[2].weight[0]
    data = Examples(data.inputs, torch.zeros(10, dtype=torch.long))
    for effort in EFFORTS[:4]:
        found = outputs(a, b, data, Piece(0.0, 1.0), effort)
        assert (found.apart[:, 1] >= (2 - 1e-4) * found.rest[:, 0]).all()


def test_a_thousand_classes_and_a_network_that_ends_in_a_mean():
    g = generator(0)
    a, b = mlp((4, 8, 1000), nn.ReLU(), g), mlp((4, 8, 1000), nn.ReLU(), g)
    x = torch.randn(5, 4, generator=g, dtype=torch.float64)
    data = Examples(x, logits(a, b, Examples(x, torch.zeros(5, dtype=torch.long)), 0.5).argmax(1))
    found = outputs(a, b, data, Piece(0.5, 0.5 + 2.0**-12), BOXES)
    assert found.certified().any()
    for s in (-1.0, 1.0):
        values = logits(a, b, data, Piece(0.5, 0.5 + 2.0**-12).at(s))
        assert not (found.certified() & (values.argmax(1) != data.labels)).any()


def test_chunks_of_examples_give_what_all_together_do(monkeypatch):
    a, b, data = mlp_pair("relu", 0, n=20)
    whole = outputs(a, b, data, Piece(0.5, 0.75), Effort(3, 4, torch.float64))
    monkeypatch.setattr("lmctheory.paths.taylor_outputs._BYTES", 8000)
    parts = outputs(a, b, data, Piece(0.5, 0.75), Effort(3, 4, torch.float64))
    torch.testing.assert_close(parts.values, whole.values)
    torch.testing.assert_close(parts.apart, whole.apart, rtol=1e-6, atol=1e-9)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_float32_convolutions_are_sums_of_products_without_onednn():
    g = generator(0)
    a, b = (CNN((1, 8, 8), (4, 4), 3, "flatten", rng=g).double() for _ in range(2))
    x = torch.randn(32, 1, 8, 8, generator=g, dtype=torch.float64)
    x[:, :, ::4, ::4] *= 1e6
    data = Examples(x, torch.zeros(32, dtype=torch.long))
    with torch.backends.mkldnn.flags(enabled=False):
        piece = Piece(0.5, 0.5 + 2.0**-12)
        assert not escapes(a, b, data, piece, Effort(3, 8, torch.float32), [-1.0, 0.5])


def test_reduced_precision_of_matrices_is_not_taken(monkeypatch):
    assert BOXES.on(torch.device("cpu")).dtype == torch.float32
    assert BOXES.on(torch.device("cuda")).dtype == torch.float64
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "medium")
    assert BOXES.on(torch.device("cpu")).dtype == torch.float64

    def mixed():
        raise RuntimeError("mix of the legacy and new APIs")

    monkeypatch.setattr(torch, "get_float32_matmul_precision", mixed)
    assert BOXES.on(torch.device("cpu")).dtype == torch.float64


@pytest.mark.parametrize("operation", ["conv", "matmul"])
def test_reduced_precision_of_one_kind_of_operation_is_not_taken(monkeypatch, operation):
    """PyTorch's other way to say so; the old one does not know of convolutions."""
    told = types.SimpleNamespace(fp32_precision="bf16")
    monkeypatch.setattr(torch.backends.mkldnn, operation, told, raising=False)
    assert BOXES.on(torch.device("cpu")).dtype == torch.float64
    told.fp32_precision = "ieee"
    assert BOXES.on(torch.device("cpu")).dtype == torch.float32
