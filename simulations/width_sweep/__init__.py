"""The main job: measured barriers beside the theory's predictions, as the width grows."""
