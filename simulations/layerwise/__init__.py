"""Layer by layer: barriers beside their null models, features, and which layers can be averaged."""
