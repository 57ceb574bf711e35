"""A repository is identified by the address of its remote, however it is written, and without the secrets in it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionls.sessions.workspace.remotes import local_path, remote_name

posix = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links and permissions")
NAMES = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_", min_size=1, max_size=12)
HOSTS = st.lists(st.text("abcxyz0123456789", min_size=2, max_size=8), min_size=1, max_size=3).map(".".join)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
SECRETS = st.text("abcXYZ0123456789._~!$&'()*+,;=%", min_size=8, max_size=20).map(lambda text: f"SECRET{text}")


@given(HOSTS, PATHS, NAMES, SECRETS, st.integers(1, 65535), st.data())
def test_all_addresses_of_a_remote_have_the_same_identity_without_secrets(
    host: str, path: str, user: str, secret: str, port: int, data: st.DataObject
) -> None:
    written = data.draw(st.sampled_from([host, host.upper(), f"{host}."]))
    ending = data.draw(st.sampled_from(["", "/", ".git", ".git/", "/.git"]))
    addresses = [
        *(f"{scheme}://{written}/{path}{ending}" for scheme in ("https", "http", "ssh", "git", "git+ssh", "ssh+git")),
        f"https://{written}:443/{path}{ending}",
        f"http://{written}:80//{path}{ending}",
        f"https://{user}:{secret}@{written}/{path}{ending}",
        f"https://{secret}@{written}/{path}{ending}?token={secret}#{secret}",
        f"ssh://{user}@{written}:{port}/{path}{ending}",
        f"ssh://{user}:{secret}@{written}/{path}{ending}",
        f"{user}@{written}:{path}{ending}",
        f"{written}:/{path}{ending}",
        f"[{user}@{written}:{port}]:{path}{ending}",
        f" https://{written}/{path}{ending}\n",
    ]
    expected = f"{host}/{path}"
    for address in addresses:
        assert remote_name(address) == expected, address
        assert local_path(address, "/top") is None
    assert remote_name(f"https://{expected}") == expected


@given(HOSTS, PATHS, HOSTS, PATHS)
def test_different_remotes_have_different_identities(one_host: str, one_path: str, other_host: str, other_path: str) -> None:
    names = {remote_name(f"https://{one_host}/{one_path}"), remote_name(f"git@{other_host}:{other_path}")}
    assert len(names) == len({(one_host, one_path), (other_host, other_path)})


@given(st.text())
def test_any_address_is_accepted(address: str) -> None:
    name = remote_name(address)
    assert name is None or (name == name.strip() and "\n" not in name)
    local_path(address, "/top")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("git@ssh.dev.azure.com:v3/org/project/repo", "dev.azure.com/org/project/_git/repo"),
        ("https://org@dev.azure.com/org/project/_git/repo", "dev.azure.com/org/project/_git/repo"),
        ("ssh://git@ssh.github.com:443/Ada/Repo.git", "github.com/ada/repo"),
        ("https://github.com/ada/repo", "github.com/ada/repo"),
        ("https://example.org:8443/a/b", "example.org:8443/a/b"),
        ("https://[2001:db8::1]/a", "2001:db8::1/a"),
        ("git@[2001:db8::1]:a", "2001:db8::1/a"),
        ("https://example.org/my%20repo.git", "example.org/my repo"),
        ("ssh://host/~ada/repo", "host/~ada/repo"),
        ("s3://bucket/repo", "s3://bucket/repo"),
        ("gcrypt::git@example.org:a/b", "example.org/a/b"),
        ("file://server/share/repo.git", "server/share/repo"),
        ("ext::sh -c whatever", None),
        ("https://example.org", None),
        ("git@example.org:", None),
        ("/srv/repo.git", None),
        ("./a:b", None),
        ("../repo", None),
        ("C:/repo", None),
        ("C:\\repo", None),
        ("file:///srv/repo", None),
        ("", None),
        ("a\nb:c", None),
    ],
)
def test_remotes_have_identities(address: str, name: str | None) -> None:
    assert remote_name(address) == name


@posix
@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/srv/repo", "/srv/repo"),
        ("/srv/repo/.git", "/srv/repo"),
        ("/srv/repo.git/", "/srv/repo.git"),
        ("../repo", "/repo"),
        ("repo", "/top/repo"),
        ("file:///srv/my%20repo", "/srv/my repo"),
        ("file://localhost/srv/repo", "/srv/repo"),
        ("ext::sh -c whatever", None),
        ("https://example.org", None),
        ("", None),
    ],
)
def test_a_local_remote_is_identified_by_its_path(address: str, path: str | None) -> None:
    assert local_path(address, "/top") == path
