"""Two networks coupled to each other through training (T12 to T15): growth beside bounds."""
