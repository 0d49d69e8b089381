"""The outgoing side: calls to other platforms."""
