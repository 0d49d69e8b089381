"""The probe: checks the platform of a partner against the specification, and proposes quirks for it."""
