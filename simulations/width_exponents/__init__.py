"""How fast barriers and matching costs fall with width, by depth and activation."""
