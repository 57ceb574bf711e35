"""Modes, models and other options of an external agent's session: set before a message and restored after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain.errors import AgentUnavailable
from sessionls.runtimes.acp.connection import AgentConnection, AgentEnded, AgentRefused
from sessionls.runtimes.acp.updates import ModeChanged, OptionsChanged

__all__ = ["Configuration", "RequestedConfiguration"]

_LONGEST = 200
_MOST = 200
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class RequestedConfiguration:
    """The configuration for one message. None or absent: unchanged."""

    mode: str | None = None
    model: str | None = None
    options: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass
class _Option:
    value: str | bool
    category: str | None
    values: tuple[str, ...]


@dataclass
class Configuration:
    """The configuration that an agent reports for a session: its mode and options, and their possible values."""

    mode: str | None = None
    modes: tuple[str, ...] = ()
    options: dict[str, _Option] = field(default_factory=dict)
    _before: list[tuple[str, str | bool]] = field(default_factory=list, init=False)
    _mode_before: str | None = field(default=None, init=False)
    _mode_set: str | None = field(default=None, init=False)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Configuration:
        """Read it from the response to session/new, session/load or session/resume."""
        modes = answer.get("modes")
        new = cls()
        if isinstance(modes, dict):
            new.mode = modes["currentModeId"][:_LONGEST] if isinstance(modes.get("currentModeId"), str) else None
            available = modes.get("availableModes")
            ids = [mode.get("id") for mode in available if isinstance(mode, dict)] if isinstance(available, list) else []
            new.modes = tuple(mode[:_LONGEST] for mode in ids if isinstance(mode, str))[:_MOST]
        new.read_options(answer.get("configOptions"))
        return new

    def read_options(self, options: Any) -> None:
        if not isinstance(options, list):
            return
        self.options = {}
        for option in options[:_MOST]:
            if not isinstance(option, dict) or not isinstance(option.get("id"), str):
                continue
            value = option.get("currentValue")
            if isinstance(value, str | bool):
                category = option.get("category")
                self.options[option["id"][:_LONGEST]] = _Option(
                    value if isinstance(value, bool) else value[:_LONGEST],
                    category if isinstance(category, str) else None,
                    _values(option.get("options")),
                )

    def update(self, update: ModeChanged | OptionsChanged) -> None:
        if isinstance(update, ModeChanged):
            self.mode = update.mode
        else:
            self.read_options(list(update.options))

    @property
    def model(self) -> str | None:
        """The reported model, if any."""
        model = next((option.value for option in self.options.values() if option.category == "model"), None)
        return model if isinstance(model, str) else None

    # -- apply and restore -------------------------------------------------------------------------------------------

    async def apply(self, connection: AgentConnection, session: str, requested: RequestedConfiguration) -> list[str]:
        """Apply the requested configuration. Returns a notice for a person for each part that failed."""
        problems: list[str] = []
        self._before, self._mode_before = [], self.mode
        name = connection.definition.name
        if requested.mode is not None:
            problems += await self._set_mode(connection, session, requested.mode)
        options = dict(requested.options)
        if requested.model is not None:
            key = next((key for key, option in self.options.items() if option.category == "model"), None)
            if key is None:
                problems.append(f"{name} does not let others choose its model: it used its own instead of {requested.model}.")
            else:
                options[key] = requested.model
        for key, value in options.items():
            problems += await self._set_option(connection, session, key, value)
        self._mode_set = self.mode
        return problems

    async def restore(self, connection: AgentConnection, session: str) -> list[str]:
        """Restore everything that `apply` changed, and the mode if the agent changed it by itself.

        Returns notices for that and for what failed: the reply is complete anyway.
        """
        problems: list[str] = []
        if self._mode_set is not None and self.mode != self._mode_set:
            problems.append(f"{connection.definition.name} changed its mode to {self.mode!r} by itself during this reply.")
        try:
            for key, value in reversed(self._before):
                problems += await self._request_option(connection, session, key, value, "back ")
            if self._mode_before is not None and self._mode_before != self.mode:
                problems += await self._request_mode(connection, session, self._mode_before, "back ")
        except (AgentUnavailable, AgentEnded) as problem:
            reason = problem.message if isinstance(problem, AgentUnavailable) else "its program ended."
            problems.append(f"The mode and options of {connection.definition.name} were not restored: {reason}")
        self._before, self._mode_before, self._mode_set = [], None, None
        return problems

    async def _set_mode(self, connection: AgentConnection, session: str, mode: str) -> list[str]:
        if not self.modes:
            key = next((key for key, option in self.options.items() if option.category == "mode"), None)
            if key is not None:
                return await self._set_option(connection, session, key, mode)
        if mode not in self.modes:
            return [f"{connection.definition.name} has no mode {mode!r}{_available(self.modes)}: its mode was not changed."]
        if mode == self.mode:
            return []
        return await self._request_mode(connection, session, mode)

    async def _request_mode(self, connection: AgentConnection, session: str, mode: str, back: str = "") -> list[str]:
        name, before = connection.definition.name, self.mode
        try:
            await connection.request("session/set_mode", {"sessionId": session, "modeId": mode}, seconds=_SECONDS)
        except AgentRefused as refused:
            return [f"{name} did not set its mode {back}to {mode!r}: {refused.message}."]
        # A successful response means that the mode is set, unless the agent reports another mode meanwhile.
        if self.mode not in (before, mode):
            return [f"{name} was asked to set its mode {back}to {mode!r}, but has the mode {self.mode!r}."]
        self.mode = mode
        return []

    async def _set_option(self, connection: AgentConnection, session: str, key: str, value: str | bool) -> list[str]:
        option, name = self.options.get(key), connection.definition.name
        if option is None:
            return [f"{name} has no option {key!r}{_available(tuple(self.options))}."]
        if option.values and value not in option.values:
            return [f"{name} has no {key} {value!r}{_available(option.values)}: it used {option.value!r}."]
        if option.value == value:
            return []
        self._before.append((key, option.value))
        return await self._request_option(connection, session, key, value)

    async def _request_option(
        self, connection: AgentConnection, session: str, key: str, value: str | bool, back: str = ""
    ) -> list[str]:
        name = connection.definition.name
        params: dict[str, Any] = {"sessionId": session, "configId": key, "value": value}
        if isinstance(value, bool):
            params["type"] = "boolean"
        try:
            answer = await connection.request("session/set_config_option", params, seconds=_SECONDS)
        except AgentRefused as refused:
            return [f"{name} did not set {key} {back}to {value!r}: {refused.message}."]
        self.read_options(answer.get("configOptions"))
        option = self.options.get(key)
        if option is None or option.value != value:
            has = "does not report the present value" if option is None else f"has {option.value!r}"
            return [f"{name} was asked to set {key} {back}to {value!r}, but {has}."]
        return []


def _values(options: Any) -> tuple[str, ...]:
    """The values of a choice, which may be grouped (once: groups have no groups)."""
    values: list[str] = []
    for option in options[:_MOST] if isinstance(options, list) else ():
        group = option.get("options") if isinstance(option, dict) else None
        choices = group[:_MOST] if isinstance(group, list) else [option]
        choice_values = [choice.get("value") for choice in choices if isinstance(choice, dict)]
        values += [value[:_LONGEST] for value in choice_values if isinstance(value, str)]
    return tuple(values[:_MOST])


def _available(names: Sequence[str]) -> str:
    return f" (it has {', '.join(names[:20])})" if names else ""
