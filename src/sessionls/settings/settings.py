"""All settings: their names, their meaning, and the sources of their values.

Explicit values (an editor can set some in `initializationOptions`) override the environment (`SESSIONLS_…`), which overrides the
configuration file (TOML), which overrides the default. Keys of model providers are not settings: they stay in the environment,
under the names that litellm reads, and a file with a key is refused.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit, urlunsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from sessionls.domain.agent import Permission, rule_problem
from sessionls.domain.errors import InvalidParams
from sessionls.environment import name_problem
from sessionls.programs import ExternalAgent, McpServer, ScannerSetting
from sessionls.secret_patterns import is_secret_name

__all__ = ["PREFIX", "Retention", "Settings", "config_dir", "config_file", "shown_url"]

PREFIX = "SESSIONLS_"
Days = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


def config_dir() -> Path:
    """The user's configuration directory, with `config.toml` and agent definitions in `agents/`."""
    return Path(platformdirs.user_config_dir("sessionls", appauthor=False))


def config_file() -> Path:
    """The configuration file, whether it exists or not."""
    path = os.environ.get(PREFIX + "CONFIG")
    return Path(path).expanduser() if path else config_dir() / "config.toml"


def _default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("sessionls", appauthor=False))


class Retention(BaseModel):
    """The number of days without changes after which a session in that state may be deleted; None: never."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    active: Days | None = None
    paused: Days | None = None
    archived: Days | None = None

    @property
    def days(self) -> dict[str, float]:
        """The states in which sessions expire."""
        return {state: days for state, days in self if days is not None}


class Settings(BaseSettings):
    """The current settings. `Settings.load` reads them and explains invalid ones."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="The folder of the embedded database and of the embedded model.",
        json_schema_extra={"shown": "your data directory"},
    )
    database_url: str | None = Field(
        default=None,
        description="The database: `sqlite:///` and a path, or `postgresql://…` ([a team's database](teams.md)).",
        json_schema_extra={"shown": "`sessions.db` in the data folder"},
    )
    durability: Literal["normal", "full"] = Field(
        default="normal",
        description="Accepted changes survive a killed process; with `full` a power failure too, but each change takes longer.",
    )
    model: str | None = Field(
        default=None,
        description="The model of agents that do not set one: any name that litellm knows.",
        json_schema_extra={"shown": "the first available model"},
    )
    agent: str = Field(default="code", min_length=1, description="The default agent of new sessions.")
    embedded: bool = Field(
        default=True,
        description="Whether the embedded model may answer if no key is set and Ollama does not answer.",
    )
    embedded_model: Path | None = Field(
        default=None,
        description="Another model file (GGUF) for the embedded model's engine.",
        json_schema_extra={"shown": "SmolLM2-135M-Instruct"},
    )
    trusted_folders: Annotated[list[Path], NoDecode] = Field(
        default=[],
        description=(
            "Folders that the terminal trusts, including subfolders: their agents, MCP servers and `AGENTS.md` are used; in the "
            "environment separated as in `PATH`. Editors use `workspaceTrusted` instead."
        ),
        json_schema_extra={"shown": "none"},
    )
    permissions: dict[str, Permission] = Field(
        default={},
        description=(
            "What agents may do: `allow`, `ask` or `deny` for a tool, for all tools of a server (`server/*`), for a risk "
            "(`read`, `write`, `execute`, `network`), for files that start programs later (`startup`, `startup:GLOB`), or for "
            "everything (`*`); in the environment as JSON. An agent's definition cannot override a `deny`."
        ),
        json_schema_extra={"shown": "reading is allowed, everything else asks"},
    )
    permission_seconds: float = Field(
        default=300.0,
        gt=0,
        le=86_400,
        description="How long a permission request waits for an answer, in seconds. Then it is denied.",
    )
    answer_others: bool = Field(
        default=False,
        description=(
            "Whether your machine may answer messages of other people, with your keys, workspace and permissions: messages that "
            "were queued when their author's editor closed, and messages that steer a reply of yours."
        ),
    )
    confirm_edits: bool = Field(
        default=False,
        description="Whether editors that support it show each edit and ask before they make it, even if agents may write.",
    )
    command_environment: Annotated[list[str], NoDecode] = Field(
        default=[],
        description=(
            "Environment variables that commands and scanners get besides the usual ones: names, optionally with `*` at the end "
            "(`NODE_*`); in the environment separated by commas. Settings of sessionls, keys and passwords are never passed on."
        ),
        json_schema_extra={"shown": "none"},
    )
    scanners: dict[str, ScannerSetting] = Field(
        default={},
        description=(
            "Programs that write SARIF, for the tool `scan`: each a table with `command` (`{files}` is replaced with the "
            "files) and `globs`. ruff and bandit need no entry."
        ),
        json_schema_extra={"shown": "ruff and bandit, if installed"},
    )
    mcp: dict[str, McpServer] = Field(
        default={},
        description=(
            "Your own MCP servers, whose tools agents may use: each a table with `command`, `args`, `env` and `cwd`, or "
            "with `url` and `headers`."
        ),
        json_schema_extra={"shown": "none"},
    )
    agents: dict[str, ExternalAgent] = Field(
        default={},
        description=(
            "Your own external agents, which speak the Agent Client Protocol: each a table with `command`, `args`, `env`, "
            "`cwd`, `mode` and `options`. Well-known ones need no entry."
        ),
        json_schema_extra={"shown": "those found on this machine"},
    )
    retention: Retention = Field(
        default_factory=Retention,
        description=(
            "The number of days without changes after which `sessionls store retention` deletes sessions (it never runs by "
            "itself): a table with `active`, `paused` and `archived`; other sessions are kept. In the environment as JSON."
        ),
        json_schema_extra={"shown": "all sessions are kept"},
    )
    participant_name: str | None = Field(
        default=None,
        description="Your name in sessions.",
        json_schema_extra={"shown": "`user.name` of git, or else the login name"},
    )
    participant_email: str | None = Field(
        default=None,
        description="Your email address, which distinguishes participants with the same name.",
        json_schema_extra={"shown": "`user.email` of git"},
    )

    @classmethod
    def load(cls, **explicit: Any) -> Self:
        """The current settings. `explicit` values take precedence over all others, unless they are None.

        Reads a file: with a running event loop, call it in a thread. Raises `InvalidParams`, which names the setting and the
        source of its value.
        """
        explicit_values = {name: value for name, value in explicit.items() if value is not None}
        if os.environ.get(PREFIX + "CONFIG") and not config_file().is_file():
            raise InvalidParams("SESSIONLS_CONFIG names no file.", fields=["SESSIONLS_CONFIG"], hint="Correct or unset it.")
        try:
            settings = cls(**explicit_values)
        except ValidationError as error:
            raise _explain(error, explicit_values) from None
        except tomllib.TOMLDecodeError as error:
            raise InvalidParams(
                f"The configuration file is not valid TOML: {error}.", fields=["SESSIONLS_CONFIG"], hint=_FILE_HINT
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidParams(
                f"The configuration file cannot be read: {reason}.", fields=["SESSIONLS_CONFIG"], hint=_FILE_HINT
            ) from None
        if _has_password(settings.url) and settings.url != os.environ.get(PREFIX + "DATABASE_URL"):
            raise InvalidParams(
                "The setting 'database_url' has a password in it, and passwords do not belong in settings files.",
                fields=["database_url"],
                hint="Take it out of the URL, and put it into ~/.pgpass, a service file or the variable PGPASSWORD.",
            )
        return settings

    @property
    def url(self) -> str:
        """The database: `database_url`, or the embedded database in the data folder."""
        if self.database_url is not None:
            return self.database_url
        return f"sqlite:///{(self.data_dir / 'sessions.db').as_posix()}"

    @property
    def shown_url(self) -> str:
        """`url` without its password."""
        return shown_url(self.url)

    def trusts(self, folder: Path) -> bool:
        """Whether the folder is a trusted folder or inside one."""
        folder = folder.resolve()
        return any(folder.is_relative_to(trusted.resolve()) for trusted in self.trusted_folders)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic-settings names its arguments
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())

    @field_validator("trusted_folders", mode="before")
    @classmethod
    def _split_folders(cls, value: Any) -> Any:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("command_environment", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("command_environment")
    @classmethod
    def _check_variable_names(cls, value: list[str]) -> list[str]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.()-]*\*?", name):
                raise ValueError(f"{name[:60]!r} is not the name of a variable")
            if (problem := name_problem(name)) is not None:
                raise ValueError(problem)
        return value

    @field_validator("data_dir")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("trusted_folders")
    @classmethod
    def _expand_home(cls, value: list[Path]) -> list[Path]:
        return [path.expanduser() for path in value]

    @field_validator("permissions")
    @classmethod
    def _check_rules(cls, value: dict[str, Permission]) -> dict[str, Permission]:
        for name in value:
            if (problem := rule_problem(name)) is not None:
                raise ValueError(problem)
        return value

    @field_validator("agents")
    @classmethod
    def _check_agent_names(cls, value: dict[str, ExternalAgent]) -> dict[str, ExternalAgent]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
                raise ValueError(f"{name[:60]!r} is not the name of an agent: it has letters a-z, digits, - and _")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("it begins with sqlite:/// or postgresql://")
        return value


_SECRET_PARAMETER = re.compile(r"((?:^|&)(?:ssl|oauth_client_)?(?:password|secret)=)[^&]*", re.IGNORECASE)


def shown_url(url: str) -> str:
    """The URL of a database without its password."""
    if not _has_password(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition(':')[0]}://…"
    user, at, host = parts.netloc.rpartition("@")
    if ":" in user:
        parts = parts._replace(netloc=f"{user.partition(':')[0]}:…{at}{host}")
    return urlunsplit(parts._replace(query=_SECRET_PARAMETER.sub(r"\1…", parts.query)))


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # it may contain a password
        return not url.startswith("sqlite:")
    return ":" in parts.netloc.rpartition("@")[0] or _SECRET_PARAMETER.search(parts.query) is not None


_FILE_HINT = "`sessionls doctor` says which file is read."


def _explain(error: ValidationError, explicit_values: dict[str, Any]) -> InvalidParams:
    """The first problem with its location, but without the value, which may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0])
    if name in Settings.model_fields:
        reason = str(first["msg"]).removeprefix("Value error, ")
        if name in explicit_values:
            location, field = f"{name!r}, as given", name
        elif os.environ.get(PREFIX + name.upper()):
            location = field = PREFIX + name.upper()
        else:
            location, field = f"{name!r} in the configuration file", name
        return InvalidParams(f"The setting {location} is wrong: {reason}.", fields=[field], hint="Correct or remove it.")
    location = "as given" if name in explicit_values else "in the configuration file"
    if is_secret_name(name):
        return InvalidParams(
            f"{name!r} looks like a key, and keys do not belong in the configuration file.",
            fields=[name],
            hint="Remove it there and set the key in the environment, as in OPENAI_API_KEY or ANTHROPIC_API_KEY.",
        )
    similar = difflib.get_close_matches(name.replace("-", "_"), Settings.model_fields, n=1)
    hint = f"Did you mean {similar[0]!r}?" if similar else f"The settings are: {', '.join(Settings.model_fields)}."
    return InvalidParams(f"There is no setting {name!r} ({location}).", fields=[name], hint=hint)
