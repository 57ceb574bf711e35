"""The environment of every program that is started for a session: commands, scanners, git, the search, our own children.

A program gets the variables on a short list that programs need to work, and those in the person's settings. It never gets
settings of sessionls, keys, tokens or passwords, not even inside names, addresses and connection strings.
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
_ALLOWED_PREFIXES = ("LC_",)
_OWN_PREFIX = "SESSIONLS_"

_FIELD = re.compile(r"([A-Za-z][\w.\- ]{0,60})(?:[\"']?[ \t]{0,3}=|[\"'][ \t]{0,3}:)")


def child_environment(environ: Mapping[str, str] | None = None, *, also: Sequence[str] = ()) -> dict[str, str]:
    """The environment for a program, taken from `environ` (by default that of this process).

    `also` are the variables in the person's settings: names, or prefixes as in `PREFIX_*`. Those with a secret are left out
    anyway. The address of a proxy is kept, without its password.
    """
    variables: dict[str, str] = {}
    for name, value in (os.environ if environ is None else environ).items():
        if _is_proxy(name):
            value = _remove_credentials(value)  # noqa: PLW2901
        if (_is_allowed(name) and not _has_credentials(value)) or (
            _is_named(name, also) and name_problem(name) is None and value_problem(value) is None
        ):
            variables[name] = value
    return variables


def withheld_names(also: Sequence[str], environ: Mapping[str, str] | None = None) -> list[str]:
    """The variables in the settings (see `child_environment`) that exist but are left out because of a secret."""
    environ = os.environ if environ is None else environ
    passed_on = child_environment(environ, also=also)
    return sorted(name for name in environ if _is_named(name, also) and name not in passed_on)


def name_problem(name: str) -> str | None:
    """Why no program may get a variable with that name; None if programs may get it."""
    if name.upper().startswith(_OWN_PREFIX):
        return f"{name} is a setting of sessionls, and no program gets those"
    if is_secret_name(name):
        return f"{name} looks like a key or a password, and no program that an agent starts gets those"
    return None


def value_problem(value: str) -> str | None:
    """Why no program may get that value, even if the settings name its variable; None if programs may get it."""
    if _has_credentials(value):
        return "it looks like a key, or like an address with a password in it"
    if any(is_secret_name(field[1].replace(" ", "")) for field in _FIELD.finditer(value)):
        return "it looks like a connection string with a key or a password in it"
    return None


def _is_allowed(name: str) -> bool:
    normalized = name.upper() if os.name == "nt" else name
    return normalized in _ALLOWED or normalized.startswith(_ALLOWED_PREFIXES)


def _is_named(name: str, also: Sequence[str]) -> bool:
    def fold(text: str) -> str:
        return text.upper() if os.name == "nt" else text

    return any(
        fold(name).startswith(fold(pattern[:-1])) if pattern.endswith("*") else fold(name) == fold(pattern) for pattern in also
    )


def _is_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy")


def _remove_credentials(address: str) -> str:
    """The address of a proxy without its user and password. A program that needs them reports that the proxy refused it."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _has_credentials(value: str) -> bool:
    return begins_like_a_token(value) or any(_has_password_or_token(scheme, rest) for scheme, rest in _addresses(value))


def _addresses(value: str) -> Iterator[tuple[str, str]]:
    """Each address in the value: its scheme, and everything up to the next blank (a password may look like an address)."""
    for word in value.split():
        scheme, separator, rest = word.partition("://")
        if separator:
            yield scheme, rest


def _has_password_or_token(scheme: str, rest: str) -> bool:
    """Whether an address has a password in it, or a token instead of a name."""
    user, at, _ = rest.rpartition("@")
    if not at:
        return False
    # A password may contain anything, even `/`. A user alone (`ssh://git@`, `postgres://ann@`) is a secret only in web addresses.
    return ":" in user or (scheme.lower().endswith(("http", "https")) and re.match(r"[^/?#]*@", rest) is not None)
