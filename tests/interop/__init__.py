"""Our platform against servers made with other OCPI libraries, each in an environment of its own."""
