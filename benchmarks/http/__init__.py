"""How many requests a second: Flask-OCPI, its peers and the limit of its stack, side by side in one run."""
