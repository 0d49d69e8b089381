"""Credentials tokens: make, hash and encrypt them, write them to the Authorization header and read them from it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from functools import cached_property
from functools import lru_cache
from typing import TYPE_CHECKING

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import StorageError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_TOKEN = re.compile(r"[!-~]{1,64}\Z")
_DECRYPTED = 256  # tokens kept decrypted, so that not each call decrypts; in memory only, like the keys
_SCHEME = re.compile(r"token +(\S.*)\Z", re.IGNORECASE)


def new_token() -> str:
    """Make a credentials token of 256 random bits: 43 characters, as OCPI allows them."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Tell whether a text can be a credentials token: 1 to 64 characters from U+0021 to U+007E."""
    return _TOKEN.match(text) is not None


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token as hex. A token has 256 random bits, so its hash is safe to store without salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def same_hash(hashed: str, other: str) -> bool:
    """Compare two hashes of tokens in constant time."""
    return hmac.compare_digest(hashed, other)


def authorization(token: str, encoding: str = "base64") -> str:
    """Write the Authorization header for a token; ``encoding`` is "base64" (the rule) or "plain" (older partners).

    OCPI 2.2.1, Transport and format, "Authorization header".
    """
    text = token if encoding == "plain" else base64.b64encode(token.encode()).decode("ascii")
    return f"Token {text}"


def candidates(header: str | None) -> list[str]:
    """Return the tokens that an Authorization header may mean, the likeliest first; empty if it has none.

    Partners differ: most encode with Base64, some omit its padding, some add a line feed to the token, some do not
    encode at all.
    """
    match = _SCHEME.match((header or "").strip())
    if match is None:
        return []
    text = match[1]
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        decoded = base64.b64decode(padded, validate=True).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        decoded = ""
    return list(dict.fromkeys(filter(is_token, (decoded, text))))


class TokenCipher:
    """Encrypts the tokens that we send, with Fernet. The first key encrypts, every key decrypts.

    A key that derives from a secret is made on first use: most requests need no key.
    """

    def __init__(self, keys: Sequence[str], *, secret_key: str | bytes | None = None) -> None:
        if not keys and not secret_key:
            raise ConfigurationError(
                "Set SECRET_KEY (or OCPI_ENCRYPTION_KEYS): the tokens of other platforms are stored encrypted. "
                'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
            )
        if secret_key and not isinstance(secret_key, str | bytes):
            raise ConfigurationError(
                f"SECRET_KEY must be a text or bytes, got {type(secret_key).__name__}; "
                "in FLASK_SECRET_KEY, put a number into quotes."
            )
        self._keys = tuple(keys)
        self._secret_key = secret_key
        #: Returns the token of an encrypted text; raises StorageError if no key decrypts it.
        self.decrypt = lru_cache(_DECRYPTED)(self._decrypt)
        if keys:
            _ = self._fernet  # wrong keys raise an error at once

    def __repr__(self) -> str:
        return "TokenCipher()"

    @cached_property
    def _fernet(self) -> MultiFernet:
        from cryptography.fernet import Fernet
        from cryptography.fernet import MultiFernet

        try:
            fernets = [Fernet(key) for key in self._keys]
        except (ValueError, TypeError):
            raise ConfigurationError(
                "OCPI_ENCRYPTION_KEYS must hold Fernet keys; make one with: "
                'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            ) from None
        if self._secret_key:
            fernets.append(Fernet(_derive(self._secret_key)))
        return MultiFernet(fernets)

    def encrypt(self, token: str) -> str:
        return self._fernet.encrypt(token.encode()).decode("ascii")

    def _decrypt(self, text: str) -> str:
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(text.encode()).decode()
        except InvalidToken:
            raise StorageError(
                "A stored token cannot be decrypted: put the old key back, at the end of OCPI_ENCRYPTION_KEYS "
                "(or the old SECRET_KEY)."
            ) from None


def _derive(secret_key: str | bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    secret = secret_key.encode() if isinstance(secret_key, str) else secret_key
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=b"flask-ocpi credentials tokens").derive(secret)
    return base64.urlsafe_b64encode(derived)
