"""Money of orders: further tries to pay, and giving back."""
