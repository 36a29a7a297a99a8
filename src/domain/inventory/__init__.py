"""Products and the stock that is kept of each."""
