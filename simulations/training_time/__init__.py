"""Barriers along training: do they peak where networks first fit the data."""
