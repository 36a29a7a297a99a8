"""Payment providers over the network."""
