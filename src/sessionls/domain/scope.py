"""Where sessions belong. One rule for lists, search, findings and notices: a folder or a repository in common.

A session keeps the places where it began, each as one text (`Created.identities`):

- `folder:<URI>`: a folder by another name than in `workspaceFolders`, spelled as by `uris.comparable`;
- `git:<first commit>:<path>`: the repository and the path in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sessionls.domain import uris

__all__ = ["FOLDER", "REPOSITORY", "Scope", "scope_of"]

FOLDER, REPOSITORY = "folder", "identity"
"""The kinds of places."""

_FOLDER = "folder:"


@dataclass(frozen=True, slots=True)
class Scope:
    """Folders (URIs as by `uris.comparable`) and repositories: where a session belongs, or of where sessions are wanted."""

    folders: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Kind and value of each place, in order."""
        yield from ((FOLDER, value) for value in sorted(self.folders))
        yield from ((REPOSITORY, value) for value in sorted(self.repositories))

    def __or__(self, other: Scope) -> Scope:
        return Scope(self.folders | other.folders, self.repositories | other.repositories)

    def meets(self, other: Scope) -> bool:
        """Whether the two have a place in common: this is the rule."""
        return not (self.folders.isdisjoint(other.folders) and self.repositories.isdisjoint(other.repositories))


def scope_of(folders: Iterable[str], identities: Iterable[str] = ()) -> Scope:
    """The scope of folders (URIs in any spelling) and of identities as a session keeps them."""
    named = {uris.uri_key(folder) for folder in folders}
    others = set(identities)
    more = {identity for identity in others if identity.startswith(_FOLDER)}
    return Scope(frozenset(named | {one.removeprefix(_FOLDER) for one in more}), frozenset(others - more))
