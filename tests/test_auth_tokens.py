"""Credentials tokens: how they are made, read, written and encrypted."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.fernet import Fernet

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import StorageError
from flask_ocpi.partners.auth_tokens import TokenCipher
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.auth_tokens import candidates
from flask_ocpi.partners.auth_tokens import hash_token
from flask_ocpi.partners.auth_tokens import is_token
from flask_ocpi.partners.auth_tokens import new_token

TOKEN = "example-token"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.conformance("CRED-24", "A-09")
def test_new_tokens_have_256_random_bits():
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


@pytest.mark.conformance("A-09", "CRED-24")
@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("x", True),
        ("x" * 64, True),
        ("!~{}\"'<>,;:", True),
        ("", False),
        ("x" * 65, False),
        ("a b", False),
        ("a\tb", False),
        ("ab\n", False),
        ("töken", False),
        ("a\x7f", False),
        ("a\u2028", False),
    ],
)
def test_what_may_be_a_token(text, valid):
    assert is_token(text) is valid


@pytest.mark.conformance("A-14")
def test_hash_is_sha_256():
    assert hash_token("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.conformance("A-02", "A-03", "A-10")
def test_tokens_are_sent_in_base64_without_a_line_feed():
    assert authorization(TOKEN) == "Token ZXhhbXBsZS10b2tlbg=="


@pytest.mark.conformance("A-02")
def test_base64_is_the_standard_one_with_padding():
    token = "~~~???>>>"

    assert authorization(token) == "Token fn5+Pz8/Pj4+"


@pytest.mark.conformance("A-05")
def test_tokens_are_sent_plain_to_platforms_that_want_that():
    assert authorization(TOKEN, "plain") == "Token example-token"


@pytest.mark.conformance("A-04", "A-05", "A-10")
@pytest.mark.parametrize(
    "header",
    [
        f"Token {encoded(TOKEN)}",
        f"token {encoded(TOKEN)}",
        f"TOKEN {encoded(TOKEN)}",
        f"Token   {encoded(TOKEN)}",
        f" Token {encoded(TOKEN)} ",
        f"Token {encoded(TOKEN + chr(10))}",
        f"Token {encoded(TOKEN + chr(13) + chr(10))}",
        f"Token {encoded(TOKEN + ' ')}",
        f"Token {encoded(TOKEN).rstrip('=')}",
        f"Token {encoded(TOKEN).rstrip('=')}=",
        f"Token {encoded(TOKEN + chr(10)).rstrip('=')}",
        f"Token {encoded(TOKEN)}==",
        f"Token {TOKEN}",
        f"token {TOKEN}",
    ],
)
def test_token_is_found_in_every_way_it_is_written(header):
    assert TOKEN in candidates(header)


@pytest.mark.conformance("A-05")
@pytest.mark.parametrize("token", ["abcd", "abcdefgh", "c2VjcmV0", encoded("secret"), encoded(encoded("secret"))])
def test_raw_token_that_looks_like_base64_is_found(token):
    assert token in candidates(f"Token {token}")
    assert token in candidates(f"Token {encoded(token)}")


@pytest.mark.conformance("A-06")
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Token",
        "Token ",
        "Bearer abc",
        "Basic YTpi",
        encoded(TOKEN),
        "TokenZXhhbQ==",
        "Token a b",
        "Token tökén",
    ],
)
def test_other_headers_hold_no_token(header):
    assert candidates(header) == []


@pytest.mark.conformance("A-06")
def test_base64_of_something_else_is_only_tried_as_it_is():
    undecodable = base64.b64encode(b"\xff\xfe\xfd").decode()

    assert candidates(f"Token {undecodable}") == [undecodable]


def test_cipher_gives_back_what_it_took():
    cipher = TokenCipher([Fernet.generate_key().decode()])

    stored = cipher.encrypt(TOKEN)

    assert TOKEN not in stored
    assert encoded(TOKEN) not in stored
    assert cipher.encrypt(TOKEN) != stored
    assert cipher.decrypt(stored) == TOKEN


def test_new_key_goes_first_and_the_old_one_still_decrypts():
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    stored = TokenCipher([old]).encrypt(TOKEN)
    rotated = TokenCipher([new, old])

    again = rotated.encrypt(TOKEN)

    assert rotated.decrypt(stored) == TOKEN
    assert TokenCipher([new]).decrypt(again) == TOKEN
    with pytest.raises(StorageError):
        TokenCipher([old]).decrypt(again)


def test_missing_key_is_a_storage_error_that_says_what_to_do():
    stored = TokenCipher([Fernet.generate_key().decode()]).encrypt(TOKEN)

    with pytest.raises(StorageError, match="put the old key back, at the end of OCPI_ENCRYPTION_KEYS") as caught:
        TokenCipher([Fernet.generate_key().decode()]).decrypt(stored)

    assert stored not in str(caught.value)


@pytest.mark.parametrize("text", ["", "abc", TOKEN, "ö"], ids=["empty", "short", "clear text", "not ASCII"])
def test_what_is_not_encrypted_is_a_storage_error(text):
    with pytest.raises(StorageError):
        TokenCipher([], secret_key="s").decrypt(text)


@pytest.mark.parametrize("secret", ["secret", b"secret"], ids=["text", "bytes"])
def test_key_is_derived_from_the_secret_key(secret):
    stored = TokenCipher([], secret_key=secret).encrypt(TOKEN)

    assert TokenCipher([], secret_key="secret").decrypt(stored) == TOKEN
    with pytest.raises(StorageError):
        TokenCipher([], secret_key="another").decrypt(stored)


def test_own_keys_go_before_the_secret_key_which_still_decrypts():
    key = Fernet.generate_key().decode()
    derived = TokenCipher([], secret_key="secret").encrypt(TOKEN)
    cipher = TokenCipher([key], secret_key="secret")

    assert cipher.decrypt(derived) == TOKEN
    assert TokenCipher([key]).decrypt(cipher.encrypt(TOKEN)) == TOKEN


def test_no_key_at_all_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="Set SECRET_KEY"):
        TokenCipher([])


@pytest.mark.parametrize("secret", [271828, ["271828"]], ids=["number", "list"])
def test_secret_that_is_no_text_is_a_configuration_error_that_does_not_show_it(secret):
    with pytest.raises(ConfigurationError, match="SECRET_KEY must be a text or bytes, got") as caught:
        TokenCipher([], secret_key=secret)

    assert "271828" not in str(caught.value)


@pytest.mark.parametrize("key", ["short", "x" * 44, "", "ö" * 44])
def test_wrong_key_is_a_configuration_error_that_does_not_show_it(key):
    with pytest.raises(ConfigurationError, match="OCPI_ENCRYPTION_KEYS must hold Fernet keys") as caught:
        TokenCipher([Fernet.generate_key().decode(), key])

    assert key == "" or key not in str(caught.value)


def test_repr_shows_no_key():
    key = Fernet.generate_key().decode()

    assert repr(TokenCipher([key])) == "TokenCipher()"
