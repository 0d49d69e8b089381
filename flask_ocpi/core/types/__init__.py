"""The types of what is saved, received and sent, for editors and type checkers; at run time they are dicts.

Written by scripts/write_types.py: change the schemas instead.

A class is a TypedDict with its required and optional properties. ``LocationChanges`` and its like are what
``ocpi.patch`` takes: nothing is required, what identifies the object is left out, and None clears what is
optional. An enum is a Literal of its values.
"""

from flask_ocpi.core.types.added import *
from flask_ocpi.core.types.charging import *
from flask_ocpi.core.types.enums import *
from flask_ocpi.core.types.places import *
