"""Commands note what they change among the actions of people, as the console does."""

from __future__ import annotations

import getpass
from contextlib import AbstractContextManager

import click

from flask_ocpi.web.current import current_ocpi


def account() -> str:
    """Return the name of the account that runs the command, for the list of actions."""
    try:
        return f"{getpass.getuser()} (shell)"
    except (KeyError, OSError):  # the account has no name, as in many containers
        return "shell"


def noted(*, partner: str = "", object: str = "") -> AbstractContextManager[None]:
    """Note what the block changes, with the account and the name of the command; an error is noted, and passes on."""
    return current_ocpi.actions.noted(account(), _command(), partner=partner, object=object)


def _command() -> str:
    """Return the command as it is documented, such as "flask ocpi rotate", whatever the program was started as."""
    names: list[str] = []
    context: click.Context | None = click.get_current_context()
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(("flask", *names))
