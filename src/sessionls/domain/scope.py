"""Where sessions belong. One rule for lists, search, findings and notices: a folder or a repository in common.

A session keeps the places where it began, each as one text (`Created.identities`). A path is that of the folder in its
repository, with `/`, and `.` at the top.

- `folder:<URI>`: a folder by another name than in `workspaceFolders`, spelled as by `uris.comparable`.
- `marker:<id>:<path>`: a repository, by the mark that it carries.
- `remote:<hash>:<path>`: the repositories with that remote; the hash is of its address.
- `from:<URI>`: the repository in that folder, of which this one is a clone.
- `git:<first commit>:<path>`: the repositories with that first commit. So older versions wrote it. It is a hint and decides
  nothing: projects that begin from one template have it in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sessionls.domain import uris

__all__ = ["FOLDER", "HINT", "REPOSITORY", "Scope", "scope_of"]

FOLDER, REPOSITORY, HINT = "folder", "repository", "identity"
"""The kinds of places."""

_FOLDER, _HINT = "folder:", "git:"


@dataclass(frozen=True, slots=True)
class Scope:
    """Folders (URIs as by `uris.comparable`) and repositories: where a session belongs, or of where sessions are wanted.

    `hints` are only kept, and not compared.
    """

    folders: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()
    hints: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Kind and value of each place, in order."""
        for kind, values in ((FOLDER, self.folders), (REPOSITORY, self.repositories), (HINT, self.hints)):
            yield from ((kind, value) for value in sorted(values))

    def __or__(self, other: Scope) -> Scope:
        return Scope(self.folders | other.folders, self.repositories | other.repositories, self.hints | other.hints)

    def meets(self, other: Scope) -> bool:
        """Whether the two have a folder or a repository in common: this is the rule."""
        return not (self.folders.isdisjoint(other.folders) and self.repositories.isdisjoint(other.repositories))


def scope_of(folders: Iterable[str], identities: Iterable[str] = ()) -> Scope:
    """The scope of folders (URIs in any spelling) and of identities as a session keeps them."""
    known = frozenset(identities)
    more = frozenset(one for one in known if one.startswith(_FOLDER))
    hints = frozenset(one for one in known if one.startswith(_HINT))
    named = frozenset(uris.uri_key(folder) for folder in folders)
    return Scope(named | {one.removeprefix(_FOLDER) for one in more}, known - more - hints, hints)
