"""What asv keeps over commits."""
