"""Random networks: errors and barriers at initialisation, beside exponents."""
