"""CDRs: what was charged, where, and what it costs; final once sent."""
