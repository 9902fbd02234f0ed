"""Which neurons of a module can be exchanged, found by tracing it (`lmctheory.matching.symmetry`).

From the bottom up: `neurons` is the algebra of what must move together, `labelling` what is known
of every tensor, `folding` neurons that lie along several axes; `functions` knows the rules by which
neurons pass an operation, of which `pointwise`, `movements`, `contractions`, `convolutions`,
`normalisations`, `attention` and `recurrent` hold the larger ones; `forms` and `signs` find which
neurons may be negated; `trace` applies all this along a network's program, and `assembly`, with
`rows` and `exchanges` for blocks and `fixed` for what cannot move, turns what was found into
permutation groups.
"""

from lmctheory.matching.tracing.assembly import assembled
from lmctheory.matching.tracing.fixed import SINGLE
from lmctheory.matching.tracing.trace import labelled

__all__ = ["SINGLE", "assembled", "labelled"]
