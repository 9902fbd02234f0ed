"""Which neurons of a module can be exchanged, found by tracing it (`lmctheory.matching.symmetry`).

From the bottom up: `neurons` is the algebra of what must move together, `labelling` what is known
of every tensor; `movements`, `operations`, `contractions` and `layers` are the rules by which
neurons pass an operation; `trace` applies them along the graph, and `assembly`, with `rows` for
blocks, turns what was found into permutation groups.
"""

from lmctheory.matching.tracing.assembly import assembled
from lmctheory.matching.tracing.trace import traced

__all__ = ["assembled", "traced"]
