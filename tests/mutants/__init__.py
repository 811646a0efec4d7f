"""Faults planted at random in the code, to see which the tests notice."""
