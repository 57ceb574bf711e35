"""Recognizes keys, tokens and passwords by the name of a variable or setting, by value, and in texts."""

from __future__ import annotations

import re

__all__ = ["begins_like_a_token", "is_secret_name", "without_secrets"]

# Parts of a name, separated by `_`, `-` and `.`: complete parts, and endings of parts.
_SECRET_WORDS = frozenset({"auth", "cookie", "pat", "pass", "pwd", "dsn", "private", "sig"})
_SECRET_ENDS = ("key", "token", "secret", "password", "passwd", "passphrase", "credential", "signature")
# How keys and tokens of well-known services begin.
_BEGINNINGS = (
    r"sk[-_]|[rp]k[-_]|gh[oprsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA|ASIA|AIza|ya29\.|npm_|pypi-|hf_|gsk_|xai-|tgp_|SG\.|eyJ"
    r"|dop_v1_|shpat_|AGE-SECRET-KEY-"
)
_TOKEN = re.compile(rf"\s*(?:{_BEGINNINGS}|-----BEGIN |[Bb]earer |[Bb]asic )")
_IN_TEXT = re.compile(
    rf"\b(?i:bearer|basic)\s+\S+|\b(?i:api[-_]?key|key|token|secret)=[^&\s\"']+|\b(?:{_BEGINNINGS})[A-Za-z0-9*_.-]{{6,}}"
)


def is_secret_name(name: str) -> bool:
    words = re.split(r"[_\-.]", name.lower())
    return any(word in _SECRET_WORDS or word.removesuffix("s").endswith(_SECRET_ENDS) for word in words)


def begins_like_a_token(value: str) -> bool:
    """Whether the value is a key or token of a well-known service, or a header with one."""
    return _TOKEN.match(value) is not None


def without_secrets(text: str) -> str:
    """Returns the text with `…` in place of everything that looks like a key: in a header, in a query, or alone."""
    return _IN_TEXT.sub("…", text)
