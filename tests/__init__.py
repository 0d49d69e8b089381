"""Tests of flask_ocpi, one module for each module of the package."""
