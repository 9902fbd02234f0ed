"""Features of networks that part during training: LLFC, stitches, subspaces."""
