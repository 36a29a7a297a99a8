"""Every port in memory, with real transactions and real conflicts; nothing outlives the process."""
