"""Two networks of different data sets, of which chosen layers are averaged."""
