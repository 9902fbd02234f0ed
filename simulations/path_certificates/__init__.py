"""Certificates of the segment between trained networks, beside what is true."""
