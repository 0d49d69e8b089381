"""What messages advise: the name that was probably meant, and what to do before something is removed."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from os.path import commonprefix

from flask_ocpi.errors import RemovalWarning

_ALIKE = 0.6
_COMPARED = 40  # characters of a wrong value, which may be very long


def with_article(noun: str) -> str:
    """Return a name with "a" or "an", such as "an EVSE"."""
    return f"{'an' if noun[0] in 'AEIOUaeiou' else 'a'} {noun}"


def listing(values: Sequence[str], like: str, *, most: int = 10) -> str:
    """Return values as a list for people; of many only those that begin most like ``like``, in their order."""
    if len(values) <= most:
        return ", ".join(values)
    begin = like[:_COMPARED].upper()
    ranked = sorted(values, key=lambda value: -len(commonprefix((value, begin))))[:most]  # noqa: RUF071
    return f"{', '.join(value for value in values if value in ranked)}, ... ({len(values)} values)"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like a wrong one."""
    names = {each.casefold(): each for each in known}
    return names[difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.0)[0]]


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return a question, with a space in front, that names the known name like a wrong one; "" if none is like it."""
    names = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(str(name).casefold(), names, n=1, cutoff=_ALIKE)
    return f" Did you mean {names[found[0]]}?" if found else ""


def there_are(known: Collection[str], like: object) -> str:
    """Return a clause that lists the known names, with the question of :func:`did_you_mean`."""
    return f"there are {', '.join(known)}.{did_you_mean(like, known)}"


def warn_of_removal(what: str, *, removed_in: str, instead: str) -> None:
    """Warn that something works for now; ``instead`` is a sentence that says what to do.

    A test fails once the version of the package has reached ``removed_in``.
    """
    message = f"{what} ends in Flask-OCPI {removed_in}. {instead}"
    warnings.warn(message, RemovalWarning, stacklevel=3)
