"""The modules of OCPI, one package each: enums, schemas, handlers, and the description in module.py."""
