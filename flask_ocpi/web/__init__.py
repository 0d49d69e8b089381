"""The Flask side: what turns descriptions into routes, documentation and answers."""
