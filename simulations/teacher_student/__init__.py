"""Students of one teacher: barriers against width, and whether they fall twice."""
