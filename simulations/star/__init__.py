"""One network that is joined to all others, tried on those that it never saw."""
