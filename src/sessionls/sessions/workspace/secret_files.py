"""Which files are never read or sent: keys, passwords, and git's own data.

The lists are matched without regard to case, against the requested name of a file and against its real name.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

__all__ = ["WITHHELD_FILES", "WITHHELD_FOLDERS", "is_withheld"]

# Folders with only secret content.
WITHHELD_FOLDERS = frozenset({".git", ".ssh", ".gnupg", ".aws"})

# Names of files, as globs.
WITHHELD_FILES = (
    ".env*",  # and .envrc, .env.local, …
    "*.env",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.ppk",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    "_netrc",
    ".npmrc",  # may hold a registry's token, like the next two
    ".yarnrc.yml",
    ".pypirc",
    ".pgpass",
    ".git-credentials",
    ".htpasswd",
    ".dockercfg",
)


def is_withheld(path: str, extra: Sequence[str] = ()) -> bool:
    """Whether the file with that path (relative to its folder, with `/`) is secret.

    `extra` are a participant's own globs, matched against the whole path and the name; their `*` matches `/` too.
    """
    whole = path.lower()
    parts = whole.split("/")
    if not WITHHELD_FOLDERS.isdisjoint(parts):
        return True
    # A folder with the name of a secret file makes everything in it secret.
    if any(fnmatchcase(part, glob) for part in parts for glob in WITHHELD_FILES):
        return True
    own = [glob.lower().removeprefix("**/").removesuffix("/**").strip("/") for glob in extra]
    prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return any(fnmatchcase(text, glob) for glob in own for text in (*prefixes, *parts))
