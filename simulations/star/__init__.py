"""One network that is joined to all others: trained for it, and tried on those it never saw."""
