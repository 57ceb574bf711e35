"""The environment of every program that is started for a session: commands, scanners, git, the search, our own children.

A program gets a short list of variables that programs need to work, and those that the person's settings name. It never gets
settings of sessionls, keys, tokens or passwords, also inside names, addresses and connection strings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from sessionls.secret_patterns import begins_like_a_token, is_secret_name

__all__ = ["child_environment", "name_problem", "value_problem", "withheld_names"]

_NAMES = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP PWD
    XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CONFIG_DIRS XDG_DATA_DIRS
    LD_LIBRARY_PATH DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH PKG_CONFIG_PATH CC CXX CPATH LIBRARY_PATH SDKROOT DEVELOPER_DIR
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS NIX_SSL_CERT_FILE GIT_SSL_CAINFO
    HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy ftp_proxy all_proxy no_proxy
    GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM GIT_CEILING_DIRECTORIES
    VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_EXE PYENV_ROOT PYENV_VERSION UV_CACHE_DIR UV_PYTHON_INSTALL_DIR
    PYTHONPATH PYTHONHOME PYTHONUTF8 PYTHONIOENCODING PYTHONPYCACHEPREFIX PYTHONDONTWRITEBYTECODE PIP_CACHE_DIR
    NVM_DIR NVM_BIN FNM_DIR VOLTA_HOME PNPM_HOME BUN_INSTALL DENO_DIR NODE_PATH PLAYWRIGHT_BROWSERS_PATH
    CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN CARGO_TARGET_DIR GOPATH GOROOT GOBIN GOCACHE GOMODCACHE GOTOOLCHAIN
    JAVA_HOME JDK_HOME GRADLE_USER_HOME MAVEN_HOME M2_HOME ANDROID_HOME ANDROID_SDK_ROOT SDKMAN_DIR
    GEM_HOME GEM_PATH RBENV_ROOT RBENV_VERSION ASDF_DIR ASDF_DATA_DIR MISE_DATA_DIR DOTNET_ROOT OMP_NUM_THREADS
    NIX_PATH NIX_PROFILES HOMEBREW_PREFIX HOMEBREW_CELLAR HOMEBREW_REPOSITORY __CF_USER_TEXT_ENCODING
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT OS NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE PROCESSOR_IDENTIFIER
    USERPROFILE USERNAME USERDOMAIN HOMEDRIVE HOMEPATH COMPUTERNAME PUBLIC ALLUSERSPROFILE
    APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432
    COMMONPROGRAMFILES COMMONPROGRAMFILES(X86) COMMONPROGRAMW6432 PSMODULEPATH MSYSTEM CHOCOLATEYINSTALL
"""
_ALLOWED = frozenset(_NAMES.split())
_ALLOWED_BEGINNINGS = ("LC_",)
_OURS = "SESSIONLS_"

_FIELD = re.compile(r"([A-Za-z][\w.\- ]{0,60})(?:[\"']?[ \t]{0,3}=|[\"'][ \t]{0,3}:)")


def child_environment(environ: Mapping[str, str] | None = None, *, also: Sequence[str] = ()) -> dict[str, str]:
    """The environment for a program, made of `environ` (unless given: this process's).

    `also` are variables that the person's settings name, by name or as `BEGINNING_*`. One with a secret is left out anyway. A
    proxy's address is kept, without the password in it.
    """
    given: dict[str, str] = {}
    for name, value in (os.environ if environ is None else environ).items():
        if _is_proxy(name):
            value = _without_credentials(value)  # noqa: PLW2901
        if (_is_allowed(name) and not _holds_credentials(value)) or (
            _is_named(name, also) and name_problem(name) is None and value_problem(value) is None
        ):
            given[name] = value
    return given


def withheld_names(also: Sequence[str], environ: Mapping[str, str] | None = None) -> list[str]:
    """The variables that settings name (see `child_environment`), that are there, and that are withheld all the same."""
    environ = os.environ if environ is None else environ
    given = child_environment(environ, also=also)
    return sorted(name for name in environ if _is_named(name, also) and name not in given)


def name_problem(name: str) -> str | None:
    """Why a variable of that name is given to no program; None where nothing speaks against it."""
    if name.upper().startswith(_OURS):
        return f"{name} is a setting of sessionls, and no program gets those"
    if is_secret_name(name):
        return f"{name} looks like a key or a password, and no program that an agent starts gets those"
    return None


def value_problem(value: str) -> str | None:
    """Why that value is given to no program that settings name it for; None where nothing speaks against it."""
    if _holds_credentials(value):
        return "it looks like a key, or like an address with a password in it"
    if any(is_secret_name(field[1].replace(" ", "")) for field in _FIELD.finditer(value)):
        return "it looks like a connection string with a key or a password in it"
    return None


def _is_allowed(name: str) -> bool:
    known = name.upper() if os.name == "nt" else name
    return known in _ALLOWED or known.startswith(_ALLOWED_BEGINNINGS)


def _is_named(name: str, also: Sequence[str]) -> bool:
    def plain(text: str) -> str:
        return text.upper() if os.name == "nt" else text

    return any(plain(name).startswith(plain(one[:-1])) if one.endswith("*") else plain(name) == plain(one) for one in also)


def _is_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy")


def _without_credentials(address: str) -> str:
    """The address of a proxy without who signs in: a program that needs that says so itself, with the proxy's own refusal."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _holds_credentials(value: str) -> bool:
    return begins_like_a_token(value) or any(_signs_in(scheme, rest) for scheme, rest in _addresses(value))


def _addresses(value: str) -> Iterator[tuple[str, str]]:
    """Each address in the value: its scheme, and all that follows up to the next blank (a password may look like an address)."""
    for word in value.split():
        scheme, separator, rest = word.partition("://")
        if separator:
            yield scheme, rest


def _signs_in(scheme: str, rest: str) -> bool:
    """Whether an address has a password in it, or a token instead of a name."""
    user, at, _ = rest.rpartition("@")
    if not at:
        return False
    # A password may hold anything, `/` included. A name alone (`ssh://git@`, `postgres://ann@`) is no secret but on the web.
    return ":" in user or (scheme.lower().endswith(("http", "https")) and re.match(r"[^/?#]*@", rest) is not None)
