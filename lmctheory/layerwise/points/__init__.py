"""Loss, accuracy and derivatives at points of the layer cube."""
