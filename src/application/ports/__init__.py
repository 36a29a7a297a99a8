"""What the use cases need of the world.

The docstrings are the contract; one test suite per port holds every adapter to it.
"""
