"""Deep networks at initialisation, matched layer by layer, beside D1's bounds."""
