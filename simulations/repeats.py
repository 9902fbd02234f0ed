"""How often what is measured of networks is drawn anew."""

__all__ = ["fewer_when_wide"]


def fewer_when_wide(repeats: int, width: int, *, full: int = 256, least: int = 4) -> int:
    """All repeats up to a width, and fewer beyond, which vary less and take longer.

    Args:
        repeats: of narrow networks.
        width: of these.
        full: width up to which there are all.
        least: of wide networks, if there are as many repeats.

    Example:
        >>> [fewer_when_wide(16, width) for width in (64, 256, 512, 4096)]
        [16, 16, 8, 4]
    """
    return min(repeats, max(least, repeats * full // width))
