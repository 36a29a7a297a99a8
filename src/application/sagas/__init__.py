"""Carrying sagas out, whatever they are about."""
