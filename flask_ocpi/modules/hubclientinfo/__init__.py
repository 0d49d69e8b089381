"""Hub client info: which parties a Hub connects, and whether they can be reached."""
