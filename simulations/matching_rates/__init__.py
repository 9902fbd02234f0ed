"""The theory of rates beside measurement: the sandwich, exponents, a crossover, dimensions."""
