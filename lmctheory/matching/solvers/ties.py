"""Neurons that single precision cannot tell apart, matched in double precision.

Where an order sigma is optimal for gains G, exchanging the neurons of B in two places loses

    G[i, sigma_i] + G[k, sigma_k] - G[i, sigma_k] - G[k, sigma_i] >= 0.

Rounding of G matters only where a loss is as small as the errors of these four entries, which are
some units in the last place of |A_i| |B_j|: neurons that are nearly equal, in A or in B. All the
neurons of such pairs are matched again among themselves, by gains in double precision. Where
neurons may be negated G is the gain by the better sign.
"""

import numpy as np
import torch
from jaxtyping import Int

from lmctheory.matching.orders import neurons, then
from lmctheory.matching.solvers._assignment import best_order
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.solution import TOLERANCE

__all__ = ["untied"]

_BLUR = 1e-6
"""Errors of a gain in single precision, relative to |A_i| |B_j|: more than they are seen to be."""


def untied(gains: Gains, unit: int, order: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
    """An order that is optimal for the gain as it is kept, made optimal in double precision."""
    gain, problem = gains.of(unit, ()).largest, gains.problem
    held = neurons(order)
    sigma = torch.as_tensor(held, device=gain.device)
    a, b = problem.lengths(unit)
    b = b[sigma]
    own = gain.gather(1, sigma[:, None]).squeeze(1)
    # one of the two neurons that are exchanged gains by it, or loses at most half of the bound
    least = own - _BLUR * (a + a.max()) * b.max()
    cells = np.flatnonzero((gain >= least[:, None]).cpu().numpy())  # ten times as fast as torch
    i, j = (torch.from_numpy(x).to(gain.device) for x in np.divmod(cells, len(gain)))
    k = torch.argsort(sigma)[j]
    loss = own[i] + own[k] - gain[i, j] - gain[k, sigma[i]]
    close = (loss <= _BLUR * (a[i] + a[k]) * (b[i] + b[k])) & (i != k)
    places = torch.from_numpy(np.unique(torch.cat([i[close], k[close]]).cpu()))
    possible = 2 * float(a[places].sum() * b[places].max()) * problem.unit if len(places) else 0.0
    if possible <= TOLERANCE * problem.start.scale:
        return order
    rows = places.cpu().numpy()
    result = order.copy()
    result[rows] = then(held[rows], best_order(gains.block(unit, rows, held[rows])))
    return result
