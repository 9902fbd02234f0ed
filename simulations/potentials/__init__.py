"""Published interatomic potentials: what is left between matched members, and why."""
