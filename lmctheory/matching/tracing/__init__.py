"""Which neurons of a module can be exchanged, found by tracing it (`lmctheory.matching.symmetry`).

From the bottom up: `neurons` is the algebra of what must move together, `labelling` what is known
of every tensor; `operations` knows the rules by which neurons pass an operation, of which
`movements`, `contractions`, `convolutions`, `normalisations`, `attention` and `recurrent` hold the
larger ones; `trace` applies them along a network's program, and `assembly`, with `rows` for blocks
and `fixed` for what cannot move, turns what was found into permutation groups.
"""

from lmctheory.matching.tracing.assembly import assembled
from lmctheory.matching.tracing.fixed import SINGLE
from lmctheory.matching.tracing.trace import labelled

__all__ = ["SINGLE", "assembled", "labelled"]
