"""Finds keys, tokens and passwords in texts and masks them before a session leaves this machine.

detect-secrets has the patterns for keys of known services; this module finds names with a value (`password = …`), headers,
addresses with a password, and private keys. It searches texts in windows of limited length, so that the time is always linear in
the length of the text. The first call loads the library, which takes time: do not call it on the event loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sessionls.secret_patterns import is_secret_name

__all__ = ["Secret", "find_secrets", "mask", "mask_tree"]

_WINDOW, _OVERLAP = 2048, 512  # characters
_KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{1,60}-----")
_PLACEHOLDER = re.compile(r"[*x.…_-]{3,}$|[<$%{(\[]|\[masked", re.IGNORECASE)
# These detectors of the library are too slow or find too much that is not secret. Our own patterns replace them.
_UNUSED_DETECTORS = ("Public IP (ipv4)", "Basic Auth Credentials", "Private Key")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern for a kind of secret. The secret is its `group`; for a value, `kind` is None and the name is in the first group.

    A text is searched only if a match is possible in it, since most texts have nothing that looks like a secret: every
    match contains one of the `substrings` (lower case; none: not checked) and at least `run` consecutive characters of `_RUNS`.
    """

    kind: str | None
    pattern: re.Pattern[str]
    group: int
    substrings: tuple[str, ...] = ()
    run: int = 0


_RUNS = re.compile(r"[A-Za-z0-9_.+/=-]{16,}")
_PREFIXES = (
    *("sk-", "sk_", "rk-", "rk_", "pk-", "pk_", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "xox", "aiza"),
    *("ya29.", "npm_", "pypi-", "hf_", "gsk_", "xai-", "tgp_", "sg.", "eyj", "dop_v1_", "shpat_", "age-secret-key-"),
)
_PASSWORD = ("password", "passwd", "passphrase", "pwd")
_KEY = r"(?:api|auth|access|secret|private|client|service|account|master|encryption|signing|admin)[_.-]?key"
_KEY_WORDS = ("token", "secret", "credential")
# The value of a name that means a secret. A password can be anything in quotes. Without quotes, and for the other names, the
# value has letters and digits, but no spaces.
_VALUE = r"[\"'`]?(?=[^\s\"'`,;]{0,200}[0-9])(?=[^\s\"'`,;]{0,200}[A-Za-z])[A-Za-z0-9_.~+/=!@#%^&*-]{8,200}"
_QUOTED = r"\"[^\s\"]{4,200}\"|'[^\s']{4,200}'|`[^\s`]{4,200}`"


def _value_rule(names: Sequence[str], value: str, substrings: Sequence[str]) -> _Rule:
    """The rule for values of such names. It finds the end of the name; `_NAME_START` finds its start."""
    pattern = rf"((?:{'|'.join(names)})s?)[\"'`]?\s{{0,3}}(?::=|=>|[:=])\s{{0,3}}({value})"
    return _Rule(None, re.compile(pattern, re.IGNORECASE), 2, tuple(substrings))


_NAME_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9_.-]{0,40}\Z")
_OWN_RULES = (
    _Rule("Password in an address", re.compile(r"://[^\s:/@'\"]{0,100}:([^\s/@'\"]{1,200})@"), 1, ("://",)),
    _Rule(
        "Authorization header",
        re.compile(r"\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{16,})", re.IGNORECASE),
        1,
        ("bearer", "basic"),
    ),
    _Rule(
        "Key or token",
        re.compile(
            r"(?<![A-Za-z0-9])((?:sk[-_]|[rp]k[-_]|gh[oprsu]_|github_pat_|glpat-|xox[abeprs]-|AIza|ya29\.|npm_|pypi-|hf_|gsk_|xai-"
            r"|tgp_|SG\.|eyJ|dop_v1_|shpat_|AGE-SECRET-KEY-)(?=[A-Za-z_.-]{0,60}[0-9])[A-Za-z0-9_.-]{14,})"
        ),
        1,
        _PREFIXES,
        run=17,
    ),
)
_VALUE_RULES = (
    _value_rule(_PASSWORD, _QUOTED, _PASSWORD),
    _value_rule((*_PASSWORD, _KEY, *_KEY_WORDS), _VALUE, (*_PASSWORD, "key", *_KEY_WORDS)),
)
# The substrings and the run of each of the library's detectors (see `_Rule`). A detector that is not listed is always used.
_REQUIREMENTS: Mapping[str, tuple[tuple[str, ...], int]] = {
    "AWS Access Key": ((), 20),
    "Artifactory Credentials": (("akc", "ap"), 0),
    "Azure Storage Account access key": (("accountkey=",), 88),
    "Cloudant Credentials": (("cl",), 24),
    "Discord Bot Token": ((".",), 57),
    "GitHub Token": (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), 40),
    "GitLab Token": (("gl", "gr1348941"), 25),
    "IBM Cloud IAM Key": (("key", "pwd", "pass", "token"), 44),
    "IBM COS HMAC Credentials": (("secret",), 48),
    "JSON Web Token": (("eyj",), 0),
    "Mailchimp Access Key": (("-us",), 35),
    "NPM tokens": (("_authtoken=",), 0),
    "OpenAI Token": (("t3blbkfj",), 51),
    "PyPI Token": (("pypi-",), 70),
    "SendGrid API Key": (("sg.",), 69),
    "Slack Token": (("xox", "hooks.slack.com"), 0),
    "SoftLayer Credentials": (("sl", "softlayer"), 64),
    "Square OAuth Secret": (("sq0csp-",), 0),
    "Stripe Access Key": (("k_live_",), 32),
    "Telegram Bot Token": ((":",), 35),
    "Twilio API Key": (("ac", "sk"), 34),
}
_SECRET_VALUE = re.compile(r"(?=\D{0,200}[0-9])\S{6,}")
_TOKEN_REST = re.compile(r"(?:\.?[A-Za-z0-9_+/=-])*")
_TOKEN_KINDS = frozenset({"JSON Web Token", "Key or token", "GitHub Token", "GitLab Token", "PyPI Token", "OpenAI Token"})


@dataclass(frozen=True, slots=True)
class Secret:
    """The position of a secret in a text (`start`, `end`, in code points), and its `kind`."""

    start: int
    end: int
    kind: str


def find_secrets(text: str) -> list[Secret]:
    """Returns the secrets in a text, in order and without overlaps."""
    search = _Search(text)
    search.search()
    return _merge([*_private_keys(text), *search.found])


def mask(text: str) -> tuple[str, list[Secret]]:
    """Returns the text with `[masked: …]` in place of each secret, and the secrets."""
    secrets = find_secrets(text)
    if not secrets:
        return text, []
    pieces: list[str] = []
    end = 0
    for secret in secrets:
        pieces += [text[end : secret.start], f"[masked: {secret.kind}]"]
        end = secret.end
    return "".join([*pieces, text[end:]]), secrets


def mask_tree(value: Any, found: list[tuple[str, Secret]], name: str = "", *, skip: frozenset[str] = frozenset()) -> Any:
    """Returns JSON data with all secrets in its texts masked. Adds each text that had a secret to `found`, once for each secret.

    The whole text is masked if its field has a name like `password`. Fields in `skip` are not changed.
    """
    if isinstance(value, dict):
        return {key: item if key in skip else mask_tree(item, found, str(key), skip=skip) for key, item in value.items()}
    if isinstance(value, list):
        return [mask_tree(item, found, name, skip=skip) for item in value]
    if not isinstance(value, str):
        return value
    if name and is_secret_name(name) and _SECRET_VALUE.fullmatch(value) and not _PLACEHOLDER.match(value):
        found.append((value, Secret(0, len(value), f"value of {name[:60]}")))
        return f"[masked: value of {name[:60]}]"
    masked, secrets = mask(value)
    found += [(value, secret) for secret in secrets]
    return masked


class _Search:
    """Finds the secrets in a text, window by window."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._covered = 0
        self.found: list[Secret] = []

    def search(self) -> None:
        rules = _applicable((*_OWN_RULES, *_library_rules(), *_VALUE_RULES), self._text)
        for start in range(0, len(self._text) if rules else 0, _WINDOW - _OVERLAP):
            end = min(start + _WINDOW, len(self._text))
            window = self._text[start:end]
            for rule in _applicable(rules, window):
                for match in rule.pattern.finditer(window):
                    if (kind := rule.kind or _name_kind(window, match)) is not None:
                        self._add(match, rule.group, kind, start, end)
            if end == len(self._text):
                break

    def _add(self, match: re.Match[str], group: int, kind: str, start: int, end: int) -> None:
        value = match[group]
        bare = value.strip(" \t\r\n\"'`=:")
        if len(bare) < 4 or _PLACEHOLDER.match(bare):
            return
        first = start + match.start(group) + value.index(bare)
        last = first + len(bare)
        if kind in _TOKEN_KINDS or (last == end < len(self._text)):
            # A match may continue after the end of its window. Text of an earlier match is not searched again.
            if last > self._covered:
                more = _TOKEN_REST.match(self._text, last)
                self._covered = last = last if more is None else more.end()
            else:
                last = self._covered
        self.found.append(Secret(first, last, kind))


def _applicable(rules: Sequence[_Rule], text: str) -> list[_Rule]:
    """The rules that can match in the text."""
    lower = text.lower()
    applicable = [rule for rule in rules if not rule.substrings or any(map(lower.__contains__, rule.substrings))]
    if any(rule.run for rule in applicable):
        longest = max(map(len, _RUNS.findall(text)), default=0)
        applicable = [rule for rule in applicable if rule.run <= longest]
    return applicable


def _name_kind(window: str, match: re.Match[str]) -> str | None:
    """The kind of a value, by its whole name; None if the name only begins within a longer word."""
    before = _NAME_START.search(window, max(0, match.start() - 40), match.start())
    return None if before is None else f"value of {(before[0] + match[1])[:60]}"


@cache
def _library_rules() -> tuple[_Rule, ...]:
    """The library's patterns."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    detectors: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return tuple(
        _Rule(kind, pattern, 0, *_REQUIREMENTS.get(kind, ((), 0)))
        for kind, detector in detectors.items()
        if issubclass(detector, RegexBasedDetector) and kind not in _UNUSED_DETECTORS
        for pattern in detector.denylist
    )


def _private_keys(text: str) -> Iterator[Secret]:
    end = 0
    while (begin := _KEY_BEGIN.search(text, end)) is not None:
        closing = _KEY_END.search(text, begin.end())
        end = len(text) if closing is None else closing.end()
        yield Secret(begin.start(), end, "Private Key")


def _merge(secrets: Sequence[Secret]) -> list[Secret]:
    """Returns them in order. Overlapping secrets are merged; the first and longest one determines the kind."""
    merged: list[Secret] = []
    for secret in sorted(secrets, key=lambda secret: (secret.start, -secret.end, secret.kind.startswith("value of"))):
        if merged and secret.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = Secret(last.start, max(last.end, secret.end), last.kind)
        else:
            merged.append(secret)
    return merged
