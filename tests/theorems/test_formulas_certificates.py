"""C1, C1' and C3 as they are printed, against the certificates that the package computes."""

import numpy as np
import pytest
import torch
from printed import value

from lmctheory.networks import MLP, Examples
from lmctheory.paths import certificate
from lmctheory.theorems import registry

T = 0.3
# norms are inflated by 1e-9 in each layer, and rounding is added
CLOSE = {"rel": 1e-7, "abs": 1e-12}


def both(key, **given):
    """What the one formula of a theorem evaluates to, by itself and as it is printed."""
    [formula] = registry()[key].formulas
    evaluated = formula.value(**given)
    assert value(formula, **given) == pytest.approx(evaluated, rel=1e-12)
    return evaluated


@pytest.fixture(scope="module", params=["relu", "gelu"])
def pair(request):
    rng = torch.Generator().manual_seed(1)
    a, b = (MLP((3, 4, 3, 4, 3), request.param, rng=rng, dtype=torch.float64) for _ in range(2))
    with torch.no_grad():
        for layer in (*a.linears, *b.linears):
            layer.bias.copy_(torch.randn(layer.bias.shape, generator=rng))
    data = Examples(torch.randn(2, 3, generator=rng, dtype=torch.float64), torch.tensor([0, 2]))
    return a, b, data


def norm(M):
    return float(np.linalg.norm(M, 2))


class Layers:
    """What A and B give, layer by layer, for one example; written out with NumPy."""

    def __init__(self, a, b, x):
        self.W, self.phi, self.z = ([], [], []), ([x], [x], []), ([], [], [])
        for network, model in enumerate((a, b)):
            for number, layer in enumerate(model.linears):
                W, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
                z = W @ self.phi[network][-1] + bias
                self.W[network].append(W)
                self.z[network].append(z)
                last = number == len(model.linears) - 1
                self.phi[network].append(z if last else self.sigma(a, z))
        self.lipschitz = [a.activation.lipschitz] * (len(a.linears) - 1) + [1.0]

    @staticmethod
    def sigma(model, z):
        return model.activation.apply(torch.from_numpy(z)).numpy()

    def mixed(self, values):
        return [T * u + (1 - T) * v for u, v in zip(values[0], values[1], strict=True)]

    def gaps(self, model):
        """j_1, ..., j_L."""
        chords = zip(self.mixed(self.z)[:-1], self.mixed(self.phi)[1:-1], strict=True)
        return [self.sigma(model, z) - phi for z, phi in chords]

    def commutators(self):
        """(W_l^A - W_l^B)(phi_{l-1}^A - phi_{l-1}^B), l = 1, ..., L + 1."""
        return [
            (V - U) @ (p - q)
            for V, U, p, q in zip(self.W[0], self.W[1], self.phi[0], self.phi[1], strict=False)
        ]


def test_c1_step_by_step_is_the_certificate(pair):
    a, b, data = pair
    found = certificate(a, b, data, t=T)
    for i, x in enumerate(data.inputs.numpy()):
        seen = Layers(a, b, x)
        D = [norm(c[:, None]) for c in seen.commutators()]
        J = [norm(j[:, None]) for j in seen.gaps(a)] + [0.0]
        s = 0.0
        for step, (W, lipschitz) in enumerate(zip(seen.mixed(seen.W), seen.lipschitz, strict=True)):
            s = both(
                "C1",
                W=norm(W),
                s=s,
                t=T,
                Lip=lipschitz,
                D=lambda k, D=D: D[int(k) - 1],
                J=lambda k, J=J: J[int(k) - 1],
                l=step + 1,
            )
            bound = [*found.feature_error, found.function_error_c1][step]
            assert s == pytest.approx(bound[i], **CLOSE)


def test_c1_in_vectors_step_by_step_is_the_certificate(pair):
    a, b, data = pair
    found = certificate(a, b, data, t=T)
    for i, x in enumerate(data.inputs.numpy()):
        seen = Layers(a, b, x)
        j, r = np.zeros(3), 0.0
        c = [-T * (1 - T) * residual for residual in seen.commutators()]
        *hidden, last = zip(seen.mixed(seen.W), c, strict=True)
        for (W, residual), lipschitz, gap in zip(
            hidden, seen.lipschitz[:-1], seen.gaps(a), strict=True
        ):
            r = both(
                "C1'", W=norm(W), r=r, j=float(np.linalg.norm(W @ j + residual)), Lip=lipschitz
            )
            j = gap
        bound = float(np.linalg.norm(last[0] @ j + last[1])) + norm(last[0]) * r
        assert bound == pytest.approx(found.function_error[i], **CLOSE)


@pytest.mark.parametrize("vector", [False, True])
def test_c3_is_the_certified_loss(pair, vector):
    a, b, data = pair
    found = certificate(a, b, data, t=T, vector=vector)
    for i, x in enumerate(data.inputs.numpy()):
        seen, y = Layers(a, b, x), int(data.labels[i])
        W, c = seen.mixed(seen.W)[-1], -T * (1 - T) * seen.commutators()[-1]
        g, radius = seen.mixed(seen.phi)[-1] + c, float(found.feature_error[-1, i])
        if vector:
            last = W @ seen.gaps(a)[-1]
            g, radius = g + last, found.function_error[i] - np.linalg.norm(c + last)
            radius /= norm(W)
        loss = both(
            "C3",
            g=lambda k, g=g: g[int(k) - 1],
            d=lambda k, W=W, y=y: norm((W[int(k) - 1] - W[y])[:, None]),
            r=radius,
            y=y + 1,
            q=3,
        )
        assert loss == pytest.approx(found.example_loss[i], **CLOSE)
