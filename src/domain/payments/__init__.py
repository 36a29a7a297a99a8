"""Money that is set aside, taken and given back."""
