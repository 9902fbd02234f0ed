"""Convolutional, residual and attention networks against transcriptions of their formulas."""

import copy
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from lmctheory.networks import (
    CNN,
    MLP,
    VGG,
    Examples,
    LocallyConnected2d,
    ResNet20,
    TrainingConfig,
    ViT,
    affine_chain,
    character_dataset,
    load_dataset,
    mixture_dataset,
    seeded_generators,
    teacher_dataset,
    train_many,
)

Image = tuple[int, int, int]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vit(image: Image, seed: int = 0, dtype: torch.dtype = torch.float64, width: int = 8) -> ViT:
    return ViT(
        image, 10, patch=2, width=width, depth=2, heads=width // 4, rng=rng(seed), dtype=dtype
    )


BUILD: dict[str, Callable[..., nn.Module]] = {
    "flatten": lambda image, seed=0, dtype=torch.float64: CNN(
        image, (4, 6), 10, rng=rng(seed), dtype=dtype
    ),
    "average": lambda image, seed=0, dtype=torch.float64: CNN(
        image, (4, 6), 10, "average", rng=rng(seed), dtype=dtype
    ),
    **{
        f"VGG{depth} {norm}": lambda image, seed=0, dtype=torch.float64, depth=depth, norm=norm: (
            VGG(image, 10, depth, 4, norm, rng=rng(seed), dtype=dtype)
        )
        for depth, norm in ((11, None), (11, "layer"), (16, "batch"))
    },
    **{
        f"ResNet20 {norm}": lambda image, seed=0, dtype=torch.float64, norm=norm: ResNet20(
            image, 10, 4, norm, rng=rng(seed), dtype=dtype
        )
        for norm in ("batch", "layer", None)
    },
    "ViT": vit,
}


@pytest.fixture(params=BUILD)
def build(request: pytest.FixtureRequest) -> Callable[..., nn.Module]:
    return BUILD[request.param]


def images(n: int, image: Image) -> Tensor:
    return torch.randn(n, *image, generator=rng(9), dtype=torch.float64)


@pytest.mark.parametrize("image", [(1, 8, 8), (1, 28, 28), (3, 6, 10)])
def test_vectors_and_images_of_any_size_give_logits(
    build: Callable[..., nn.Module], image: Image
) -> None:
    model, x = build(image).eval(), images(5, image)
    logits = model(x)
    assert logits.shape == (5, 10)
    torch.testing.assert_close(model(x.flatten(1)), logits)
    torch.testing.assert_close(model(x[2:3]), logits[2:3])
    with pytest.raises(RuntimeError, match="unflatten"):
        model(x.flatten(1)[:, 1:])


def test_a_symbolic_trace_computes_the_same(build: Callable[..., nn.Module]) -> None:
    model, x = build((1, 8, 8)).eval(), images(5, (1, 8, 8))
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(x), model(x))
    with pytest.raises(TypeError, match="no affine chain"):
        affine_chain(model)


def test_weights_come_from_the_generator_alone(build: Callable[..., nn.Module]) -> None:
    state = torch.random.get_rng_state()
    a, b, c = (build((1, 8, 8), seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(a[key], b[key]) for key in a)
    weights = [key for key in a if key.endswith("weight") and a[key].ndim > 1]
    assert not any(torch.equal(a[key], c[key]) for key in weights)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(p.dtype == torch.float32 for p in build((1, 8, 8), 0, torch.float32).parameters())


def test_he_initialisation_of_filters_and_attention() -> None:
    """Fixed seeds; five standard errors of a variance, sqrt(2/n) of it: 6e-7 false alarms each."""
    filters = CNN((1, 8, 8), (50, 200), 10, rng=rng()).blocks[1][0].weight
    attention = vit((1, 8, 8), width=64).blocks[0].attention.in_proj_weight
    for W, variance in ((filters, 2 / (50 * 9)), (attention, 1 / 64)):
        assert W.detach().var().item() / variance == pytest.approx(
            1, abs=5 * (2 / W.numel()) ** 0.5
        )
    assert not CNN((1, 8, 8), (50,), 10, rng=rng()).blocks[0][0].bias.any()


# Transcriptions. Biases and norms are drawn too, so that none of them can be left out unseen.


def randomised(model: nn.Module) -> nn.Module:
    generator = rng(5)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.ndim == 1:
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return model.eval()


def weights(model: nn.Module) -> Iterator[Tensor]:
    """Parameters in the order of their registration."""
    return iter([p.detach() for p in model.parameters()])


def naive_convolution(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """z[o, i, j] = b[o] + sum over c, k, l of W[o, c, k, l] x[c, i + k - 1, j + l - 1]."""
    channels, height, breadth = x.shape
    z = b[:, None, None].expand(-1, height, breadth).clone()
    for i in range(height):
        for j in range(breadth):
            for k in range(3):
                for m in range(3):
                    if 0 <= i + k - 1 < height and 0 <= j + m - 1 < breadth:
                        z[:, i, j] += W[:, :, k, m] @ x[:, i + k - 1, j + m - 1]
    assert channels == W.shape[1]
    return z


def naive_maximum(x: Tensor) -> Tensor:
    return torch.stack(
        [
            torch.stack(
                [x[:, i : i + 2, j : j + 2].amax((1, 2)) for j in range(0, x.shape[2], 2)], -1
            )
            for i in range(0, x.shape[1], 2)
        ],
        1,
    )


@pytest.mark.parametrize("readout", ["flatten", "average"])
def test_cnn_is_its_formula(readout: str) -> None:
    image = (2, 5, 3)
    model = randomised(CNN(image, (3, 4), 7, readout, rng=rng(), dtype=torch.float64))
    (x,) = images(1, image)
    p, h = weights(model), x
    for _ in range(2):
        h = naive_maximum(torch.relu(naive_convolution(h, next(p), next(p))))
    h = h.mean((1, 2)) if readout == "average" else h.reshape(-1)
    W, b = next(p), next(p)
    torch.testing.assert_close(model(x[None])[0], W @ h + b)
    assert next(p, None) is None


@pytest.mark.parametrize(("depth", "stages"), [(11, (1, 1, 2, 2, 2)), (16, (2, 2, 3, 3, 3))])
@pytest.mark.parametrize("side", [8, 32])
def test_vgg_is_its_formula(depth: int, stages: tuple[int, ...], side: int) -> None:
    model = randomised(VGG((3, side, side), 10, depth, 4, rng=rng(), dtype=torch.float64))
    h, p = images(2, (3, side, side)), weights(model)
    widths = []
    for layers in stages:
        for _ in range(layers):
            W, b = next(p), next(p)
            widths.append(len(W))
            h = F.relu(F.conv2d(h, W, b, padding=1))
        h = F.max_pool2d(h, 2) if h.shape[-1] > 2 else h
    W, b = next(p), next(p)
    torch.testing.assert_close(model(h_in := images(2, (3, side, side))), h.mean((2, 3)) @ W.T + b)
    assert h_in.shape[-1] == side
    assert next(p, None) is None
    assert (len(widths), widths[0], widths[-1]) == (depth - 3, 4, 32)


def test_resnet_is_its_formula() -> None:
    model = randomised(ResNet20((1, 8, 8), 10, 4, "batch", rng=rng(), dtype=torch.float64))
    state = model.state_dict()

    def unit(h: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
        W = state[f"{convolution}.weight"]
        z = F.conv2d(h, W, None, stride, W.shape[-1] // 2)
        mean, variance, gamma, beta = (
            state[f"{norm}.{name}"][:, None, None]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        return gamma * (z - mean) / (variance + 1e-5).sqrt() + beta

    x = images(3, (1, 8, 8))
    h = torch.relu(unit(x, "stem.0", "stem.1"))
    for k in range(9):
        stride = 2 if k in (3, 6) else 1
        name = f"blocks.{k}"
        r = torch.relu(unit(h, f"{name}.branch.0", f"{name}.branch.1", stride))
        r = unit(r, f"{name}.branch.3", f"{name}.branch.4")
        if stride == 2:
            h = unit(h, f"{name}.shortcut.0", f"{name}.shortcut.1", stride)
        h = torch.relu(h + r)
    expected = h.mean((2, 3)) @ state["head.weight"].T + state["head.bias"]
    torch.testing.assert_close(model(x), expected)
    assert h.shape == (3, 16, 2, 2)
    # twenty layers with weights, the two projections aside
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == 20 + 2


def test_layer_norm_is_over_channels_and_positions_of_one_example() -> None:
    model = ResNet20((1, 8, 8), 10, 4, "layer", rng=rng(), dtype=torch.float64)
    z = model.stem[0](images(3, (1, 8, 8)))
    mean, variance = z.mean((1, 2, 3), keepdim=True), z.var((1, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(model.stem[1](z), (z - mean) / (variance + 1e-5).sqrt())


def test_vit_is_its_formula() -> None:
    model = randomised(vit((1, 4, 6)))
    assert isinstance(model, ViT)
    (x,) = images(1, (1, 4, 6))
    state = model.state_dict()

    def norm(h: Tensor, name: str) -> Tensor:
        centred = h - h.mean(1, keepdim=True)
        scaled = centred / (h.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        return state[f"{name}.weight"] * scaled + state[f"{name}.bias"]

    def linear(h: Tensor, name: str) -> Tensor:
        return h @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    kernel, bias = state["patches.weight"].reshape(8, -1), state["patches.bias"]
    patches = [
        kernel @ x[0, i : i + 2, j : j + 2].reshape(-1) + bias
        for i in range(0, 4, 2)
        for j in range(0, 6, 2)
    ]
    h = torch.stack([state["class_token"][0, 0], *patches]) + state["positions"][0]
    for k in range(2):
        name = f"blocks.{k}"
        g = norm(h, f"{name}.attention_norm")
        W, b = (state[f"{name}.attention.in_proj_{part}"] for part in ("weight", "bias"))
        q, key, v = (g @ W.T + b).split(8, 1)
        heads = [
            torch.softmax(q[:, c] @ key[:, c].T / math.sqrt(4), dim=1) @ v[:, c]
            for c in (slice(0, 4), slice(4, 8))
        ]
        h = h + linear(torch.cat(heads, 1), f"{name}.attention.out_proj")
        z = linear(norm(h, f"{name}.mlp.0"), f"{name}.mlp.1")
        h = h + linear(z * (1 + torch.erf(z / math.sqrt(2))) / 2, f"{name}.mlp.3")
    torch.testing.assert_close(model(x[None])[0], linear(norm(h, "norm")[:1], "head")[0])


def test_after_a_flatten_channels_move_the_columns_in_blocks() -> None:
    model = randomised(CNN((1, 8, 8), (4, 6), 10, rng=rng(), dtype=torch.float64))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in moved.blocks[1][0].parameters():
            parameter.copy_(parameter[order])
        head = moved.head.weight
        head.copy_(head.view(10, 6, 4)[:, order].reshape(10, 24))  # 2 x 2 positions are left
    x = images(5, (1, 8, 8))
    torch.testing.assert_close(moved(x), model(x))


def test_without_norm_the_second_moment_grows_by_less_than_e_squared() -> None:
    """Mean over 20 networks, seeds fixed; unscaled branches must break the bound."""

    def growth(scale: float) -> float:
        ratios = []
        for seed in range(20):
            model = ResNet20((1, 8, 8), 10, 16, None, rng=rng(seed), dtype=torch.float64)
            with torch.no_grad():
                for block in model.blocks:
                    block.branch[-1].weight.mul_(scale)
                h = model.stem(images(8, (1, 8, 8)))
                ratios.append(float(model.blocks(h).square().mean() / h.square().mean()))
        return sum(ratios) / len(ratios)

    assert growth(1.0) < math.e**2 < growth(3.0)


@pytest.mark.parametrize(
    ("build", "options", "accuracy"),
    [
        (lambda g: CNN((1, 8, 8), (16, 32), 10, rng=g), {"epochs": 5}, 0.93),
        (lambda g: CNN((1, 8, 8), (16, 32), 10, "average", rng=g), {"epochs": 10}, 0.9),
        pytest.param(
            lambda g: VGG((1, 8, 8), 10, 11, 8, rng=g),
            {"epochs": 10, "learning_rate": 0.02, "batch_size": 32, "warmup_steps": 50},
            0.9,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda g: VGG((1, 8, 8), 10, 16, 8, "batch", rng=g),
            {"epochs": 5},
            0.9,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda g: ResNet20((1, 8, 8), 10, 8, rng=g),
            {"epochs": 4},
            0.93,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda g: ViT((1, 8, 8), 10, patch=2, width=32, depth=2, heads=4, rng=g),
            {"epochs": 20, "learning_rate": 0.03, "batch_size": 32, "warmup_steps": 40},
            0.9,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_digits_are_learnt(
    build: Callable[[torch.Generator], nn.Module], options: dict[str, float], accuracy: float
) -> None:
    digits = load_dataset("digits")
    config = TrainingConfig(**({"learning_rate": 0.05} | options))
    initial = build(seeded_generators(0)[0])
    (model,) = train_many([initial], digits.train, config, seeds=(0,))
    hits = model.eval()(digits.test.inputs).argmax(1) == digits.test.labels
    assert float(hits.double().mean()) > accuracy


class Regularised(nn.Sequential):
    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5))
        self.append(nn.Linear(5, 3))
        self.to(dtype)


def test_batch_norm_and_dropout_train_as_in_the_ordinary_loop() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models = [Regularised(), Regularised()]
    data = Examples(torch.randn(50, 6, generator=rng(), dtype=torch.float64), torch.arange(50) % 3)
    config = TrainingConfig(epochs=3, batch_size=16, schedule="constant", momentum=0.0)
    trained = train_many(models, data, config, seeds=(4, 5))
    for initial, after, seed in zip(models, trained, (4, 5), strict=True):
        model, order = copy.deepcopy(initial), seeded_generators(seed)[1]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for _ in range(3):
                for rows in torch.randperm(50, generator=order).split(16):
                    loss = F.cross_entropy(model(data.inputs[rows]), data.labels[rows])
                    model.zero_grad()
                    loss.backward()
                    with torch.no_grad():
                        for p in model.parameters():
                            p.sub_(0.1 * p.grad)
        for key, value in model.state_dict().items():
            torch.testing.assert_close(after.state_dict()[key], value, msg=key)
    assert int(trained[0][1].num_batches_tracked) == 12
    assert int(models[0][1].num_batches_tracked) == 0


@pytest.mark.parametrize(("n", "batch_size"), [(33, 16), (32, 1)])
def test_a_batch_of_one_is_refused_where_it_has_no_variance(n: int, batch_size: int) -> None:
    data = Examples(torch.randn(n, 6, generator=rng(), dtype=torch.float64), torch.arange(n) % 3)
    config = TrainingConfig(epochs=1, batch_size=batch_size)
    with torch.random.fork_rng():
        model = Regularised()
    state = torch.random.get_rng_state()
    with pytest.raises(ValueError, match=f"no batch of one example, got {batch_size} for {n}"):
        train_many([model], data, config, seeds=(0,))
    assert torch.equal(torch.random.get_rng_state(), state)
    train_many([model.eval()], data, config, seeds=(0,))  # running statistics need no batch


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g: CNN((1, 8), (4,), 10, rng=g), r"image_shape must be .*, got \(1, 8\)"),
        (lambda g: ResNet20((1, 0, 8), 10, rng=g), r"image_shape must be .*, got \(1, 0, 8\)"),
        (lambda g: CNN((1, 8, 8), (), 10, rng=g), r"channels must name .*, got \(\)"),
        (lambda g: CNN((1, 8, 8), (4, 0), 10, rng=g), r"each >= 1, got \(4, 0\)"),
        (lambda g: CNN((1, 8, 8), (4,), 0, rng=g), "n_out must be >= 1, got 0"),
        (lambda g: CNN((1, 8, 8), (4,), 10, "max", rng=g), "readout must be one of .* 'max'"),
        (lambda g: VGG((1, 8, 8), 10, 13, rng=g), r"depth must be one of \[11, 16\], got 13"),
        (lambda g: VGG((1, 8, 8), 10, 11, 0, rng=g), "width must be >= 1, got 0"),
        (lambda g: VGG((1, 8, 8), 10, norm="group", rng=g), "norm must be one of .* 'group'"),
        (lambda g: ResNet20((1, 8, 8), 10, -1, rng=g), "width must be >= 1, got -1"),
        (lambda g: ResNet20((1, 8, 8), 10, norm="", rng=g), "norm must be one of .* got ''"),
        (
            lambda g: ViT((1, 8, 8), 10, patch=3, width=8, depth=1, heads=2, rng=g),
            r"patch must divide height and width of \(1, 8, 8\), got 3",
        ),
        (
            lambda g: ViT((1, 8, 8), 10, patch=2, width=8, depth=1, heads=3, rng=g),
            "heads must divide width 8, got 3",
        ),
        (
            lambda g: ViT((1, 8, 8), 10, patch=2, width=8, depth=0, heads=2, rng=g),
            "depth must be >= 1, got 0",
        ),
    ],
)
def test_bad_arguments_are_refused(
    make: Callable[[torch.Generator], nn.Module], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(rng())


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g: CNN((1, 8.5, 8), (4,), 10, rng=g), "every size in image_shape must be an int"),
        (lambda g: CNN((1, 8, 8), (4.5,), 10, rng=g), "every number of channels must be an int"),
        (lambda g: CNN((1, 8, 8), (4,), 2.5, rng=g), "n_out must be an integer, got 2.5"),
        (lambda g: VGG((1, 8, 8), 10, 11, 2.5, rng=g), "width must be an integer, got 2.5"),
        (lambda g: ResNet20((1, 8, 8), 10, "4", rng=g), "width must be an integer, got '4'"),
        (
            lambda g: ViT((1, 8, 8), 10, patch=2, width=8, depth=1.5, heads=2, rng=g),
            "depth must be an integer, got 1.5",
        ),
        (lambda g: MLP((4, 2.5, 3), rng=g), "every width must be an integer, got 2.5"),
    ],
)
def test_sizes_must_be_integers(make: Callable[[torch.Generator], nn.Module], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make(rng())


@pytest.mark.usefixtures("as_users_call")
def test_whole_sizes_may_come_as_floats() -> None:
    assert MLP((4.0, 8.0, 3.0), rng=rng()).widths == (4, 8, 3)  # type: ignore[arg-type]
    assert CNN((1, 8, 8), (4.0,), 3.0, rng=rng())(torch.ones(1, 1, 8, 8)).shape == (1, 3)  # type: ignore[arg-type]


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("wrong", [0, np.random.default_rng(0), None])
@pytest.mark.parametrize(
    "make",
    [
        lambda g: MLP((4, 8, 3), rng=g),
        lambda g: CNN((1, 8, 8), (4,), 10, rng=g),
        lambda g: LocallyConnected2d(1, 2, (8, 8), 3, rng=g),
        lambda g: mixture_dataset(rng=g),
        lambda g: character_dataset(rng=g),
        lambda g: teacher_dataset(rng=g),
    ],
)
def test_what_is_no_torch_generator_is_refused(
    make: Callable[[object], object], wrong: object
) -> None:
    with pytest.raises(TypeError, match=r"rng must be a torch\.Generator, got"):
        make(wrong)
