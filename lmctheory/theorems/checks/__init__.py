"""What tries the statements on random instances; each module is imported when it is needed."""
