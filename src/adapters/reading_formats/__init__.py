"""Readings as columns of numbers: out of every wire form, checked and sorted with numpy."""
