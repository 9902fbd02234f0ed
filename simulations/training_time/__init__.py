"""Barriers along training: when they peak, beside when networks first fit."""
