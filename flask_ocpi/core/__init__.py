"""The foundation of all other folders: the words and rules of OCPI, schemas, settings."""
