"""Beyond initialisation: wide trained networks, predicted from the neurons of narrow ones."""
