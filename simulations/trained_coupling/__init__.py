"""Two networks coupled through training: how far they come apart, beside bounds."""
