"""Students of a teacher: does the barrier descend twice as they widen (T6)."""
