"""Which neurons of a module can be exchanged, found by tracing it (`lmctheory.matching.symmetry`).

From the bottom up: `neurons` is the algebra of what must move together, `labelling` what is known
of every tensor; `operations` knows the rules by which neurons pass an operation, of which
`movements`, `contractions`, `convolutions`, `normalisations` and `attention` hold the larger ones;
`trace` applies them along a network's program, and `assembly`, with `rows` for blocks, turns what
was found into permutation groups.
"""

from lmctheory.matching.tracing.assembly import assembled
from lmctheory.matching.tracing.trace import labelled

__all__ = ["assembled", "labelled"]
