"""The Flask side: makes routes, documentation and answers from descriptions."""
