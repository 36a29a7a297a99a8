"""The real stack under load while its processes are killed; afterwards every promise is checked (`make chaos`)."""
