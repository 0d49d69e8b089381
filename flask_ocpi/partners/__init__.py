"""The other platforms: their records, tokens and claims to parties."""
