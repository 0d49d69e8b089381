"""The state of partners: contacts, cards, and the comparison of objects."""
