"""What it costs to align two neurons: one ingredient of a matching, the solver being the other."""
