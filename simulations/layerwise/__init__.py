"""Layer by layer: barriers, null models, features, layers that can be averaged."""
