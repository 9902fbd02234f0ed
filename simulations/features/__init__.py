"""Features of networks that part during training: connectivity, stitching, subspaces, vanishing."""
