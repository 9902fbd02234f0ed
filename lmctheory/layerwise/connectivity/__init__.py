"""How features of the interpolated network depend on those of its ends (L7, L8)."""
