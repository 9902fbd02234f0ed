"""All convex combinations of several networks, stars and curves, decided."""
