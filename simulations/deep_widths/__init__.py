"""Deep networks at initialisation, matched from the input on, beside the bounds of D1."""
