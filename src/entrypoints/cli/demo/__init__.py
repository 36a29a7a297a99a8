"""The demo: real purchases through the public API, with the accidents of real clients."""
