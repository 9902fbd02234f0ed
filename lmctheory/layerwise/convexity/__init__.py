"""Where moving one or two layers cannot make a barrier (L1 to L3)."""
