"""Every matching method on every architecture: barriers, planted permutations, narrow networks."""
