"""Normalises addresses of remote repositories: one text for all spellings, without secrets."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

__all__ = ["local_path", "remote_name"]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_HELPER = re.compile(r"([A-Za-z0-9]+)::(.*)", re.DOTALL)  # git-remote-<helper> is asked
_SHELL = ("ext", "fd")  # helpers whose argument is not an address
# `host:path`, as ssh writes it. One letter before the colon is a Windows drive.
_SCP = re.compile(r"(?:[^/:\[]*@)?(?:\[(?:[^\]/]*@)?([^\]]+)\]|([^/:@\[]{2,})):(?!//)(.*)", re.DOTALL)
_WEB = {"http": "80", "https": "443", "git": "9418", "ftp": "21", "ftps": "990"}  # with the default port
_SSH = ("ssh", "git+ssh", "ssh+git")
# Other names of the same host, and hosts whose paths ignore case.
_ALIASES = {
    "ssh.github.com": "github.com",
    "www.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
    "ssh.dev.azure.com": "dev.azure.com",
}
_NO_CASE = {"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "dev.azure.com"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def remote_name(address: str) -> str | None:
    """`host/path` of a repository on another machine, the same for ssh and https and for every user.

    None for a path on this machine, and for anything that is not an address.
    """
    address = address.strip()
    if _CONTROL.search(address):
        return None
    if (helper := _HELPER.fullmatch(address)) is not None:
        return None if helper[1].lower() in _SHELL else remote_name(helper[2])
    if (url := _URL.fullmatch(address)) is not None:
        return _of_url(url[1].lower(), url[2])
    if (scp := _SCP.fullmatch(address)) is not None and not _is_local(address):
        host = scp[1] or scp[2]
        if scp[1] and re.fullmatch(r"[^:]+:\d+", host):  # [host:port]:path
            host = host.partition(":")[0]
        return _name(host, scp[3])
    return None


def local_path(address: str, top: str) -> str | None:
    """The absolute path of a repository on this machine, without `.git` at its end; `top` is what a relative path starts from.

    None for an address of another machine.
    """
    address = address.strip()
    if not address or _CONTROL.search(address) or remote_name(address) is not None:
        return None
    url = _URL.fullmatch(address)
    if url is not None:
        host, slash, path = url[2].partition("/")
        if url[1].lower() != "file" or host.lower() not in ("", "localhost"):
            return None
        address = unquote(slash + path)
        address = address[1:] if re.match(r"/[A-Za-z]:[/\\]", address) else address
    elif _HELPER.fullmatch(address) is not None:
        return None
    path = os.path.normpath(os.path.join(top, address))  # noqa: PTH118
    return os.path.dirname(path) if os.path.basename(path) == ".git" else path  # noqa: PTH119, PTH120


def _of_url(scheme: str, rest: str) -> str | None:
    authority, _, path = rest.partition("/")
    if scheme == "file":
        return _name(authority, unquote(path)) if authority.lower() not in ("", "localhost") else None
    if scheme in ("http", "https"):
        authority, path = re.split(r"[?#]", authority)[0], re.split(r"[?#]", path)[0]
    host, port = _host_and_port(authority.rpartition("@")[2])
    # A server with ssh on another port is the same server as with https.
    if port and scheme not in _SSH and port != _WEB.get(scheme):
        host = f"{host}:{port}"
    name = _name(host, unquote(path))
    return name if name is None or scheme in _WEB or scheme in _SSH else f"{scheme}://{name}"


def _host_and_port(authority: str) -> tuple[str, str]:
    if authority.startswith("["):  # IPv6
        host, _, port = authority[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = authority.partition(":")
    return host, port


def _name(host: str, path: str) -> str | None:
    bare, colon, port = host.lower().partition(":") if host.count(":") < 2 else (host.lower(), "", "")
    bare = bare.strip().rstrip(".")
    bare = _ALIASES.get(bare, bare)
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if parts and parts[-1].lower() == ".git":
        parts.pop()
    if parts and parts[-1].lower().endswith(".git"):
        parts[-1] = parts[-1][:-4]
    if bare == "dev.azure.com" and parts and parts[0].lower() == "v3":  # its paths differ between ssh and https
        parts = [*parts[1:3], "_git", *parts[3:]]
    if not bare or not parts:
        return None
    name = "/".join(parts)
    return f"{bare}{colon}{port}/{name.casefold() if bare in _NO_CASE else name}"


def _is_local(address: str) -> bool:
    """Whether it begins like a path: git treats `./a:b` and `/a:b` as paths."""
    return address.startswith(("/", "./", "../", "~", "\\"))
