"""What samples say: exact and certified costs, simulation, dimensions, tests."""
