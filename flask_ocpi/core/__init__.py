"""What everything stands on: the words and rules of OCPI, schemas, settings."""
