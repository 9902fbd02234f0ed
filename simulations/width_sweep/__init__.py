"""The main job: barriers beside the theory's predictions, as the width grows."""
