"""An example of each custom method, for docs/protocol.md. A test reads each with the models of `wire.py`."""

from __future__ import annotations

from typing import Any

__all__ = ["EXAMPLES"]

_S, _M, _R = (
    "0192a1b2-0000-7000-8000-000000000001",
    "0192a1b2-0000-7000-8000-000000000002",
    "0192a1b2-0000-7000-8000-000000000003",
)
_AT = "2026-01-31T09:30:00.000Z"
_BEN = {"id": "p-1f3870be274f6c49", "name": "Ben"}
_ADA = {"id": "p-5e884898da280471", "name": "Ada", "email": "ada@example.org"}
_KEPT: dict[str, Any] = {
    "id": "0192a1b2-0000-7000-8000-000000000007",
    "tool": "run_command",
    "risk": "execute",
    "scope": "run_command of pytest on any files",
    "folder": "file:///home/ada/parser",
    "createdAt": "2026-01-31T09:30:00.000Z",
}
_SESSION: dict[str, Any] = {
    "id": _S,
    "title": "Why does the parser drop the last line?",
    "state": "active",
    "replying": False,
    "queued": 0,
    "agent": "code",
    "workspaceFolders": ["file:///home/ada/parser"],
    "participants": [_ADA],
    "usage": {"inputTokens": 812, "outputTokens": 164, "cost": 0.0031},
    "seq": 5,
    "messageCount": 2,
    "createdAt": _AT,
    "updatedAt": _AT,
}
_MESSAGE = {
    "id": _M,
    "sessionId": _S,
    "seq": 2,
    "role": "participant",
    "author": _ADA,
    "parts": [{"kind": "text", "text": "Is this loop right?"}],
    "status": "complete",
    "createdAt": _AT,
}
_REPLY = {
    "id": _R,
    "sessionId": _S,
    "seq": 3,
    "role": "agent",
    "author": {"agent": "review", "model": "openai/gpt-4o", "definition": "9f86d081884c7d65…"},
    "replyTo": _M,
    "parts": [{"kind": "text", "text": "It stops one line early: …"}],
    "status": "complete",
    "usage": {"inputTokens": 812, "outputTokens": 164},
    "createdAt": _AT,
    "finishedAt": _AT,
}
_Q = "0192a1b2-0000-7000-8000-000000000006"
_QUESTION = {
    "requestId": _Q,
    "messageId": _R,
    "agent": "code",
    "tool": "run_command",
    "summary": "Run make test",
    "detail": "make test",
    "risk": "execute",
    "scope": "make test",
    "at": _AT,
}
_RANGE = {"start": {"line": 11, "character": 0}, "end": {"line": 19, "character": 0}}
_SELECTION = {"kind": "selection", "uri": "file:///home/ada/parser/read.py", "range": _RANGE}
_AGENT = {
    "name": "review",
    "description": "Reviews code.",
    "model": "openai/gpt-4o",
    "tools": ["read_file"],
    "source": "builtin",
    "runtime": "litellm",
    "trusted": True,
    "available": True,
    "codeAction": True,
}
_FINDING = {
    "id": "0192a1b2-0000-7000-8000-000000000004",
    "uri": "file:///home/ada/parser/read.py",
    "range": _RANGE,
    "severity": 2,
    "title": "Off by one",
    "body": "The loop stops one line early.",
    "state": "open",
    "agent": "review",
    "messageId": _R,
}
_FORK = {**_SESSION, "id": "0192a1b2-0000-7000-8000-000000000005", "parent": {"sessionId": _S, "seq": 5, "messageId": _R}}

EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "session/create": ({"agent": "code", "workspaceFolder": "file:///home/ada/parser"}, _SESSION),
    "session/list": ({"limit": 20}, {"sessions": [_SESSION]}),
    "session/get": ({"sessionId": _S}, _SESSION),
    "session/open": (
        {"sessionId": _S, "limit": 2},
        {"session": _SESSION, "messages": [_MESSAGE, _REPLY], "more": True, "participants": [_ADA], "seq": 5},
    ),
    "session/close": ({"sessionId": _S}, {}),
    "session/history": ({"sessionId": _S, "before": _M, "limit": 50}, {"messages": [], "more": False}),
    "session/message": (
        {"sessionId": _S, "text": "Is this loop right?", "agent": "review", "context": [_SELECTION]},
        {"message": _MESSAGE, "reply": _REPLY},
    ),
    "session/cancel": ({"sessionId": _S}, _SESSION),
    "session/withdraw": ({"sessionId": _S, "messageId": _M}, _SESSION),
    "session/sendNow": ({"sessionId": _S, "messageId": _M}, {**_SESSION, "replying": True}),
    "session/reorder": ({"sessionId": _S, "messageIds": [_M]}, {**_SESSION, "replying": True, "queued": 2}),
    "session/switchAgent": ({"sessionId": _S, "agent": "review"}, {**_SESSION, "agent": "review"}),
    "session/pause": ({"sessionId": _S}, {**_SESSION, "state": "paused"}),
    "session/resume": ({"sessionId": _S}, _SESSION),
    "session/fork": ({"sessionId": _S, "at": _R}, _FORK),
    "session/rename": ({"sessionId": _S, "title": "The parser's last line"}, {**_SESSION, "title": "The parser's last line"}),
    "session/handOver": (
        {"sessionId": _S, "to": "Ben", "note": "The tests fail on Windows only. Please look there."},
        {
            **_SESSION,
            "participants": [_ADA, _BEN],
            "needs": [
                {
                    "kind": "handOver",
                    "participant": _BEN,
                    "by": _ADA,
                    "note": "The tests fail on Windows only. Please look there.",
                    "waiting": ["A reply was interrupted, and can be resumed."],
                    "at": "2026-01-31T09:45:00.000Z",
                }
            ],
        },
    ),
    "session/setBudget": ({"sessionId": _S, "budget": 2.5}, {**_SESSION, "budget": 2.5}),
    "session/archive": ({"sessionId": _S}, {**_SESSION, "state": "archived"}),
    "session/unarchive": ({"sessionId": _S}, _SESSION),
    "session/delete": ({"sessionId": _S}, {}),
    "session/comment": ({"sessionId": _S, "text": "This loop again."}, _MESSAGE),
    "session/share": (
        {"sessionId": _S, "with": "ben", "role": "writer"},
        _SESSION | {"people": [{"id": "ada", "role": "owner", "name": "Ada"}, {"id": "ben", "role": "writer", "name": "Ben"}]},
    ),
    "session/unshare": ({"sessionId": _S, "with": "ben"}, _SESSION | {"people": [{"id": "ada", "role": "owner", "name": "Ada"}]}),
    "session/people": (
        {"sessionId": _S},
        {
            "people": [{"id": "ada", "role": "owner", "name": "Ada"}, {"id": "team", "role": "reader"}],
            "role": "owner",
            "known": [{"id": "ada", "name": "Ada", "email": "ada@example.org"}, {"id": "ben", "name": "Ben"}],
        },
    ),
    "session/search": (
        {"query": "last line"},
        {"hits": [{"session": _SESSION, "messageId": _M, "snippet": "… drop the last line …"}]},
    ),
    "session/export": ({"sessionId": _S, "format": "markdown"}, {"content": "# Why does the parser drop the last line?\n…"}),
    "session/compact": ({"sessionId": _S}, _SESSION),
    "prompt/list": (
        {},
        {
            "prompts": [
                {
                    "name": "explain",
                    "source": "file:///home/ada/parser/.github/prompts/explain.prompt.md",
                    "description": "Explains code to a newcomer",
                    "arguments": "what to explain",
                }
            ]
        },
    ),
    "prompt/expand": ({"name": "explain", "arguments": "the lexer"}, {"text": "Explain the lexer to a newcomer."}),
    "permission/keep": ({"sessionId": _S, "requestId": _Q}, _KEPT),
    "permission/list": ({}, {"permissions": [_KEPT]}),
    "permission/remove": ({"permissionId": _Q}, {}),
    "session/window": (
        {"sessionId": _S},
        {
            "model": "openai/gpt-4o",
            "used": 51200,
            "window": 128000,
            "summarisedAt": 102400,
            "summarised": 12,
            "summary": "The parser …",
        },
    ),
    "session/answer": ({"sessionId": _S, "requestId": _Q, "decision": "once"}, {}),
    "session/questions": ({}, {"questions": [{"sessionId": _S, "title": _SESSION["title"], "question": _QUESTION}]}),
    "context/image": (
        {"sessionId": _S, "sha256": "4a" * 32},
        {
            "sha256": "4a" * 32,
            "mimeType": "image/png",
            "size": 68,
            "width": 1,
            "height": 1,
            "data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mNgAAIAAAUAAen63NgAAAAASUVORK5CYII=",
        },
    ),
    "change/list": (
        {"sessionId": _S, "messageId": _R},
        {
            "files": [
                {
                    "uri": "file:///home/ada/parser/read.py",
                    "kind": "edited",
                    "state": "applied",
                    "added": 1,
                    "removed": 1,
                    "hunks": [
                        {
                            "id": "7-7.0",
                            "state": "applied",
                            "added": 1,
                            "removed": 1,
                            "line": 11,
                            "patch": "-for i in range(n - 1):\n+for i in range(n):\n",
                        }
                    ],
                    "messageIds": [_R],
                }
            ],
            "commands": [{"messageId": _R, "tool": "run_command", "summary": "make test"}],
        },
    ),
    "change/revert": (
        {"sessionId": _S, "messageId": _R, "uri": "file:///home/ada/parser/read.py"},
        {"revertId": "0192a1b2-0000-7000-8000-000000000007", "uris": ["file:///home/ada/parser/read.py"]},
    ),
    "finding/list": ({"sessionId": _S, "state": "open"}, {"findings": [_FINDING]}),
    "finding/update": ({"findingId": _FINDING["id"], "state": "fixed"}, {**_FINDING, "state": "fixed"}),
    "agent/list": ({}, {"agents": [_AGENT], "default": "code"}),
    "skill/list": (
        {},
        {
            "skills": [
                {
                    "name": "release-notes",
                    "description": "Writes release notes from commits. Use before a release.",
                    "source": "file:///home/ada/parser/.agents/skills/release-notes/SKILL.md",
                    "trusted": True,
                    "available": True,
                }
            ]
        },
    ),
    "model/list": ({}, {"models": [{"name": "openai/gpt-4o", "provider": "openai", "available": True, "default": True}]}),
    "model/reply": (
        {
            "model": "openai/gpt-4o",
            "instructions": "Answer in one word.",
            "messages": [{"role": "participant", "text": "What is the capital of France?"}],
        },
        {"text": "Paris", "model": "openai/gpt-4o", "usage": {"inputTokens": 24, "outputTokens": 1}},
    ),
    "session/event": (
        {"sessionId": _S, "seq": 6, "at": _AT, "by": _ADA, "kind": "renamed", "title": "The parser's last line"},
        None,
    ),
    "session/delta": (
        {"sessionId": _S, "messageId": _R, "part": 0, "kind": "text", "offset": 12, "text": "one line early"},
        None,
    ),
    "session/changed": ({"session": _SESSION}, None),
    "document/save": (
        {"uris": ["file:///home/ada/work/app.py"]},
        {"saved": ["file:///home/ada/work/app.py"]},
    ),
    "session/requestPermission": (
        {
            "sessionId": _S,
            "messageId": _R,
            "requestId": _Q,
            "agent": "code",
            "tool": "run_command",
            "summary": "Run `make test`",
            "risk": "execute",
            "scope": "run_command of make on any files",
        },
        {"decision": "once"},
    ),
    "agent/changed": ({}, None),
}
"""Params and result (None for a notification) by the method's name."""
