"""Random networks at initialisation: function errors and barriers against published exponents."""
