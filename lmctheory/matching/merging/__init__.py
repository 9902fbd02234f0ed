"""Several networks made one: means, transport, and what is recalibrated afterwards."""
