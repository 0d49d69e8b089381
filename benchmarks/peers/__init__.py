"""Applications on other OCPI libraries, run in environments of their own."""
