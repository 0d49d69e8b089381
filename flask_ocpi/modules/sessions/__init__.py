"""Sessions: what is being charged right now, and the preferences of drivers."""
