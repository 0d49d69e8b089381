"""Parts for people, built on the groups of the platform."""
