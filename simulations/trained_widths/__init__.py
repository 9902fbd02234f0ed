"""Beyond initialisation: wide trained networks, predicted from narrow ones."""
