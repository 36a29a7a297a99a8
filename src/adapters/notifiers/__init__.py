"""Ways out to customers and to other systems."""
