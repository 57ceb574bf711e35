"""pygls' protocol made safe: every request gets exactly one answer, whatever it contains and however it ends.

pygls keeps documents, progress tokens, the registry of handlers and futures; reading messages and answering them is done here.
Params of our own methods are the models of `schema/params.py`, those of LSP's methods are lsprotocol's. docs/decisions.md says
why pygls stays, and `tests/test_pygls_names.py` notices when a private name of it changes.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
import traceback
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import partial
from pathlib import PurePath
from typing import Any, Protocol, TypeGuard, cast
from urllib.parse import urlsplit

from cattrs import BaseValidationError, Converter
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method
from pygls.workspace import Workspace

from sessionls.domain import uris
from sessionls.domain.model import Wire
from sessionls.domain.visible import in_one_line
from sessionls.json_text import parse
from sessionls.server.lenient import InvalidValues, to_strict_form
from sessionls.server.schema.methods import EVENTS, METHODS, REQUESTS, VERSION
from sessionls.server.transport import errors
from sessionls.server.transport.errors import ProtocolError, describe
from sessionls.server.transport.json import head_of

__all__ = ["LifeCycle", "SessionProtocol", "cancel_once", "make_converter"]

log = logging.getLogger("sessionls")
_TABLE = {method.name: method for method in METHODS}


def make_converter() -> Converter:
    """The converter of lsprotocol, which also serialises our own models."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    converter.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, Wire), lambda model: model.wire()
    )
    return converter


class LifeCycle(Protocol):
    """What the server does when the client starts it, changes its folders, runs a command, or stops it."""

    def configure(self, params: lsp.InitializeParams) -> None: ...
    def make_workspace(self, workspace: Workspace) -> Workspace: ...
    def announce(self, capabilities: lsp.ServerCapabilities) -> None: ...
    def folders_changed(self) -> None: ...
    async def execute(self, params: lsp.ExecuteCommandParams) -> Wire: ...
    async def close_down(self) -> None: ...
    def stop(self, code: int) -> None: ...


class SessionProtocol(LanguageServerProtocol):
    """`server` is pygls' server and also our `LifeCycle`: pygls creates the protocol and passes it its server."""

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self._life_cycle = cast("LifeCycle", server)
        self.converter = converter
        self._initialized = False  # whether `initialize` was received
        self.shut_down = False
        """Whether `shutdown` was received."""
        self._after_response: dict[int | str, Callable[[], None]] = {}

    # -- what arrives ----------------------------------------------------------------------------------------------------

    def receive(self, body: bytes) -> None:
        """Take one message. Never raises."""
        try:
            self._dispatch(parse(body))
        except ValueError as error:
            self._refuse_unreadable(body, f"The message is not JSON: {error}.")
        except Exception:
            log.exception("A message could not be handled")

    def _refuse_unreadable(self, body: bytes, reason: str) -> None:
        """Answer a message that cannot be read under its id, if one can be found: otherwise its sender waits forever."""
        head = head_of(body)
        if head is not None and head.method is None:  # an answer of the client's
            refusal = {"code": errors.PARSE_ERROR, "message": reason}
            self._receive_response(head.id, {"error": refusal})
            head = None
        self._refuse(
            None if head is None else head.id,
            errors.PARSE_ERROR,
            "parseError",
            reason,
            "Send one JSON object, nested less deeply.",
        )

    def refuse_stream(self, reason: str) -> None:
        """Tell the client that the stream is broken: it cannot be split into messages any more."""
        self._refuse(None, errors.PARSE_ERROR, "parseError", reason, "The connection ends. Start the server again.")

    def _dispatch(self, data: Any) -> None:
        if not isinstance(data, dict):
            what = "Batches are not part of LSP" if isinstance(data, list) else "A message is a JSON object"
            self._refuse(None, errors.INVALID_REQUEST, "invalidRequest", f"{what}.", "Send each message by itself.")
            return
        method, msg_id, has_id = data.get("method"), data.get("id"), "id" in data
        if method is None and has_id and ("result" in data or "error" in data):
            self._receive_response(msg_id, data)
        elif not isinstance(method, str) or data.get("jsonrpc") != "2.0":
            known = msg_id if _is_id(msg_id) else None
            self._refuse(
                known,
                errors.INVALID_REQUEST,
                "invalidRequest",
                "This is not a JSON-RPC 2.0 message.",
                "Send `jsonrpc` and `method`.",
            )
        # Each handler runs in a separate context, as in pygls.
        elif _is_id(msg_id):
            contextvars.copy_context().run(self._request, msg_id, method, data.get("params"))
        elif has_id:
            self._refuse(
                None, errors.INVALID_REQUEST, "invalidRequest", "A request's id is a string or an integer.", "Send another id."
            )
        else:
            contextvars.copy_context().run(self._notification, method, data.get("params"))

    def _request(self, msg_id: int | str, method: str, params: Any) -> None:
        try:
            self._check_state(msg_id, method)
            handler = self.fm.builtin_features.get(method) or self.fm.features.get(method)
            if handler is None or _is_notification(method):
                raise _no_such_request(method)  # noqa: TRY301
            params = self._read_params(method, params)
        except Exception as error:  # noqa: BLE001  # every request gets an answer
            self._send_error(msg_id, describe(error, method))
            return
        self._ctx_msg_id.set(msg_id)
        self._execute_handler(msg_id, handler, callback=partial(self._respond, msg_id=msg_id, method=method), args=(params,))

    def _check_state(self, msg_id: int | str, method: str) -> None:
        if self.shut_down:
            raise _invalid_request("The server is shutting down and accepts no more requests.", "Start another server.")
        if method == lsp.INITIALIZE:
            if self._initialized:
                raise _invalid_request("`initialize` was already sent.", "Send it once.")
        elif not self._initialized:
            raise ProtocolError(
                errors.NOT_INITIALIZED,
                "notInitialized",
                "The server waits for `initialize`.",
                hint="Send `initialize` before any other request.",
            )
        if msg_id in self._request_futures:
            raise _invalid_request(f"A request with the id {msg_id!r} is still open.", "Give each request a different id.")

    def _notification(self, method: str, params: Any) -> None:
        if method == lsp.CANCEL_REQUEST:
            self._cancel(params)
            return
        if not self._initialized and method != lsp.EXIT:
            return  # LSP: dropped
        handler = self.fm.builtin_features.get(method) or self.fm.features.get(method)
        if handler is None or method in REQUESTS:
            if not method.startswith("$/") and method not in lsp.METHOD_TO_TYPES:
                log.warning("Ignored the notification %r: this server does not know it", method)
            return
        try:
            params = self._read_params(method, params)
        except Exception as error:  # noqa: BLE001  # there is no answer that could carry it
            log.warning("Ignored the notification %r: %s", method, describe(error, method)["message"])
            return
        key = str(uuid.uuid4())
        self._execute_handler(key, handler, callback=partial(self._finish_notification, key=key, method=method), args=(params,))

    def _read_params(self, method: str, params: Any) -> Any:
        # Params by position: either none, or the one object.
        if isinstance(params, list) and len(params) <= 1:
            params = params[0] if params else {}
        if (ours := _TABLE.get(method)) is not None:
            return errors.read_params(ours.params, {} if params is None else params, method)
        known = lsp.METHOD_TO_TYPES.get(method)
        if known is None or (kind := known[2]) is None:
            return params
        try:
            strict = to_strict_form(params if params is not None else {}, kind)
            return self.converter.structure(strict, cast("type[Any]", kind))
        except InvalidValues as error:
            raise errors.invalid_values_error(error.paths, method) from None
        except (BaseValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise errors.lsp_params_error(error, method) from None

    def _cancel(self, params: Any) -> None:
        msg_id = params.get("id") if isinstance(params, dict) else None
        if _is_id(msg_id):
            self._cancel_request(msg_id)

    def _cancel_request(self, msg_id: int | str) -> None:
        task: Any = self._request_futures.get(msg_id)
        if isinstance(task, asyncio.Task) and task is not asyncio.current_task():
            cancel_once(task)

    def _receive_response(self, msg_id: Any, data: dict[str, Any]) -> None:
        """The client answers a request of ours. An answer that nobody waits for is dropped."""
        if not _is_id(msg_id) or msg_id not in self._result_types:
            return
        kind = self._result_types.pop(msg_id)
        future = self._request_futures.pop(msg_id, None)
        if future is None or not future.set_running_or_notify_cancel():
            return
        try:
            if isinstance(error := data.get("error"), dict):
                refusal = JsonRpcException(str(error.get("message")), int(error.get("code", 0)), error.get("data"))
                future.set_exception(refusal)
                return
            if kind is None:
                result = data.get("result")
            elif issubclass(kind, Wire):
                result = kind.model_validate(data.get("result"))
            else:
                envelope = {"jsonrpc": "2.0", "id": msg_id, "result": data.get("result")}
                result = self.converter.structure(envelope, kind).result
        except Exception as error:  # noqa: BLE001  # whoever waits gets it
            future.set_exception(error)
        else:
            future.set_result(result)

    def get_result_type(self, method: str) -> type[Any] | None:  # type: ignore[override]  # pygls caches it
        ours = _TABLE.get(method)
        return ours.result if ours is not None else super().get_result_type(method)

    # -- what is sent ----------------------------------------------------------------------------------------------------

    def after_response(self, action: Callable[[], None]) -> None:
        """Call `action` when the answer to the current request has been written, whatever it is."""
        msg_id = self.msg_id
        assert msg_id is not None
        self._after_response[msg_id] = action

    async def ask_client(self, method: str, params: Any) -> Any:
        """Send a request, and return its result. Cancelling withdraws it. Raises `JsonRpcException` if the client refuses."""
        msg_id = str(uuid.uuid4())
        try:
            return await self.send_request_async(method, params, msg_id)
        except asyncio.CancelledError:
            self.notify(lsp.CANCEL_REQUEST, lsp.CancelParams(id=msg_id))
            raise

    def notify(self, method: str, params: Any = None) -> None:
        self._send({"jsonrpc": "2.0", "method": method}, "params", {} if params is None else params)

    def _respond(self, future: Future[Any], *, msg_id: int | str, method: str) -> None:
        self._request_futures.pop(msg_id, None)
        try:
            result = future.result()
        except BaseException as error:  # noqa: BLE001  # the task has ended; its error is the answer
            self._send_error(msg_id, describe(error, method))
        else:
            try:
                self._send({"jsonrpc": "2.0", "id": msg_id}, "result", result)
            except Exception as error:  # noqa: BLE001  # a result that cannot be written as JSON
                self._send_error(msg_id, describe(error, method))
        if (action := self._after_response.pop(msg_id, None)) is not None:
            action()

    def _finish_notification(self, future: Future[Any], *, key: str, method: str) -> None:
        self._request_futures.pop(key, None)
        if not future.cancelled() and (error := future.exception()) is not None:
            # Usually the client's mistake (a change of a document that it never opened): one line is enough.
            log.warning("Ignored the notification %r: %s", method, _one_line(error))
            log.debug("The notification %s could not be handled", method, exc_info=error)

    def _refuse(self, msg_id: int | str | None, code: int, kind: str, message: str, hint: str) -> None:
        self._send_error(msg_id, {"code": code, "message": message, "data": {"kind": kind, "hint": hint}})

    def _send_error(self, msg_id: int | str | None, error: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "id": msg_id}, "error", error)

    def _send(self, envelope: dict[str, Any], name: str, value: Any) -> None:
        if isinstance(value, Wire):  # pydantic writes JSON itself, several times faster
            head = json.dumps(envelope)[:-1]
            self._write(f'{head}, "{name}": {value.model_dump_json(by_alias=True, exclude_none=True)}}}'.encode())
        else:
            self._send_data({**envelope, name: value})

    def _send_data(self, data: Any) -> None:
        self._write(json.dumps(data, default=self.converter.unstructure).encode())

    def _write(self, body: bytes) -> None:
        assert self.writer is not None
        self.writer.write(body)

    # -- life cycle ------------------------------------------------------------------------------------------------------

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(self, params: lsp.InitializeParams) -> Generator[Any, Any, lsp.InitializeResult]:
        self._life_cycle.configure(params)
        self._initialized = True
        params.root_uri, params.root_path = _client_root(params.root_uri) or _client_root(params.root_path), None
        result = yield from super().lsp_initialize(params)
        self._workspace = self._life_cycle.make_workspace(self.workspace)
        self._life_cycle.announce(result.capabilities)
        capabilities = {"version": VERSION, "methods": list(REQUESTS), "events": list(EVENTS)}
        result.capabilities.experimental = {"sessionls": capabilities}
        return result

    @lsp_method(lsp.SHUTDOWN)
    async def lsp_shutdown(self, *_: Any) -> None:  # type: ignore[override]  # pygls takes any kind of handler
        self.shut_down = True
        await self._life_cycle.close_down()  # replies being written here stop, resumable, and their requests are answered
        for msg_id in list(self._request_futures):
            self._cancel_request(msg_id)

    @lsp_method(lsp.EXIT)
    def lsp_exit(self, *_: Any) -> None:  # type: ignore[override]  # pygls takes any kind of handler
        self._life_cycle.stop(0 if self.shut_down else 1)

    @lsp_method(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def lsp_workspace__did_change_workspace_folders(self, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
        # A renamed folder arrives as removed and added: in that order.
        for folder in params.event.removed:
            self.workspace.remove_folder(folder.uri)
        for folder in params.event.added:
            self.workspace.add_folder(folder)
        self._life_cycle.folders_changed()

    @lsp_method(lsp.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: lsp.ExecuteCommandParams) -> Any:  # type: ignore[override]  # pygls takes any kind of handler
        return await self._life_cycle.execute(params)


def _client_root(folder: str | None) -> str | None:
    """The client's root folder as a URI, also if it sent a path; None without one."""
    if folder and (PurePath(folder).is_absolute() or re.match(r"[A-Za-z]:[\\/]", folder)):
        return uris.from_path(folder)
    if not folder or not uris.is_uri(folder):
        return None
    try:
        urlsplit(folder)
    except ValueError:
        return None
    return folder


def cancel_once(task: asyncio.Task[Any]) -> None:
    """Cancel a task unless it was cancelled before: a second time would interrupt its cleanup."""
    if not task.cancelling():
        task.cancel()


def _one_line(error: BaseException) -> str:
    """The error and its position in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return in_one_line(f"{type(error).__name__}: {error}")[:300] + where


def _is_id(value: Any) -> TypeGuard[int | str]:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_notification(method: str) -> bool:
    known = lsp.METHOD_TO_TYPES.get(method)
    return known is not None and known[1] is None


def _no_such_request(method: str) -> ProtocolError:
    hint = "The answer to `initialize` lists the methods of this server."
    return ProtocolError(errors.METHOD_NOT_FOUND, "methodNotFound", f"There is no request {method!r}.", hint=hint)


def _invalid_request(message: str, hint: str) -> ProtocolError:
    return ProtocolError(errors.INVALID_REQUEST, "invalidRequest", message, hint=hint)
