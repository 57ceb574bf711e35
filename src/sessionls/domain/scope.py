"""The scope of a session: the folders and repositories that it belongs to. Lists, search, findings and notices show a session if
its scope has a folder or a repository in common with the workspace.

A session stores its scope as strings (`Created.identities`). `<path>` is the path of the folder in its repository, with `/`; `.`
is the top.

- `folder:<URI>`: another name of a folder in `workspaceFolders`, normalized by `uris.uri_key`.
- `marker:<id>:<path>`: a repository, by the marker file in it.
- `remote:<hash>:<path>`: the repositories with that remote, by the hash of its address.
- `from:<URI>`: the repository in that folder, of which this one is a clone.
- `git:<first commit>:<path>`: the repositories with that first commit. Older versions wrote this. It is only a hint, because
  projects created from the same template share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sessionls.domain import uris

__all__ = ["FOLDER", "HINT", "REPOSITORY", "Scope", "scope_of"]

FOLDER, REPOSITORY, HINT = "folder", "repository", "identity"
"""The kinds of entries in a scope."""

_FOLDER, _HINT = "folder:", "git:"


@dataclass(frozen=True, slots=True)
class Scope:
    """The folders (normalized by `uris.uri_key`) and repositories that a session belongs to, or that sessions are requested for.

    `hints` are stored but not compared.
    """

    folders: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()
    hints: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Kind and value of each entry, in order."""
        for kind, values in ((FOLDER, self.folders), (REPOSITORY, self.repositories), (HINT, self.hints)):
            yield from ((kind, value) for value in sorted(values))

    def __or__(self, other: Scope) -> Scope:
        return Scope(self.folders | other.folders, self.repositories | other.repositories, self.hints | other.hints)

    def overlaps(self, other: Scope) -> bool:
        """Whether the two scopes have a folder or a repository in common."""
        return not (self.folders.isdisjoint(other.folders) and self.repositories.isdisjoint(other.repositories))


def scope_of(folders: Iterable[str], identities: Iterable[str] = ()) -> Scope:
    """The scope for folders (URIs in any spelling) and for the stored identities of a session."""
    stored = frozenset(identities)
    folder_aliases = frozenset(identity for identity in stored if identity.startswith(_FOLDER))
    hints = frozenset(identity for identity in stored if identity.startswith(_HINT))
    folder_keys = frozenset(uris.uri_key(folder) for folder in folders)
    return Scope(
        folder_keys | {identity.removeprefix(_FOLDER) for identity in folder_aliases}, stored - folder_aliases - hints, hints
    )
