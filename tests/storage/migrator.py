"""The processes of test_migrations: each runs several commands, as ``flask`` would, one after the other.

Their arguments: the folder with app.py, what the environment has besides as a JSON object, and the commands. To
import Flask-Migrate takes one that compares the tables in each.
"""

from __future__ import annotations

import json
import os
import sys
import warnings

import flask_migrate  # noqa: F401 - once, before all of them
from flask.cli import cli


def main() -> None:
    folder, environment, *commands = sys.argv[1:]
    os.chdir(folder)
    os.environ.update(json.loads(environment))
    sys.path.insert(0, folder)
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    warnings.simplefilter("ignore")  # of Flask-Migrate and what it uses
    for command in commands:
        cli.main(command.split(), standalone_mode=False)
