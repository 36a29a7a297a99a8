"""Sagas: work in steps over several systems that is finished, or undone, whatever fails on the way."""
