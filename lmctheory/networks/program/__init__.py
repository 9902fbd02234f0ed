"""The forward pass of any network as operations: what symmetry, certificates and layers read."""

from lmctheory.networks.program._capture import (
    capture,
    require_faithful,
    require_no_hooks,
    require_program,
)
from lmctheory.networks.program.named_operations import (
    CONVOLUTIONS,
    TRANSPOSED,
    Layer,
    arguments,
    operation,
    qualified,
)
from lmctheory.networks.program.normal_form import UnreadableError
from lmctheory.networks.program.pointwise import step_activation
from lmctheory.networks.program.steps import Program, described, needed, opaque
from lmctheory.networks.program.symbols import symbolic

__all__ = [
    "CONVOLUTIONS",
    "TRANSPOSED",
    "Layer",
    "Program",
    "UnreadableError",
    "arguments",
    "capture",
    "described",
    "needed",
    "opaque",
    "operation",
    "qualified",
    "require_faithful",
    "require_no_hooks",
    "require_program",
    "step_activation",
    "symbolic",
]
