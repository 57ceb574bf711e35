"""A model's reply to messages outside of any session, for programs with their own instructions, messages and tools.

Nothing is logged: only the caller gets the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from sessionls.domain.errors import InvalidParams, ModelUnavailable
from sessionls.domain.model import KeptReasoning, StopReason, Usage, Wire
from sessionls.domain.stop_reasons import reply_stop_reason
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.models import (
    ModelRequest,
    Models,
    NativeReasoning,
    StepEnd,
    TextDelta,
    ToolRequest,
    tool_call,
    tool_definition,
)
from sessionls.sessions.prompt.native_reasoning import as_sent, kept_reasoning
from sessionls.sessions.prompt.tool_arguments import arguments_of
from sessionls.sessions.prompt.transcript import ModelMessages, join_adjacent

__all__ = ["AnsweredCall", "ModelCall", "ModelMessage", "ModelReply", "ModelTool", "model_reply"]

_Name = Annotated[str, Field(min_length=1, max_length=200)]
# Some providers put data into it that they expect back, such as the signature of a thought.
_CallId = Annotated[str, Field(min_length=1, max_length=1 << 16)]
_Text = Annotated[str, Field(max_length=1 << 20)]


class ModelTool(Wire):
    """A tool that the caller offers. `schema` is the JSON Schema of its arguments."""

    name: _Name
    description: _Text = ""
    schema_: Annotated[dict[str, Any], Field(alias="schema")] = {}


class ModelCall(Wire):
    """A tool call that a model requests."""

    call_id: _CallId
    name: _Name
    arguments: dict[str, Any]


class AnsweredCall(ModelCall):
    """A tool call with its `result` for the model, also if the call was not made."""

    result: _Text


class ModelMessage(Wire):
    """A message for a model outside of any session: of the participant, or an earlier one of the model with its tool calls and
    its `reasoning`.
    """

    role: Literal["participant", "agent"]
    text: _Text = ""
    calls: Annotated[list[AnsweredCall], Field(max_length=500)] | None = None
    reasoning: KeptReasoning | None = None


class ModelReply(Wire):
    """A model's reply outside of any session. `stopReason` is why it ended (see `Message`). Some providers refuse the result of a
    tool call without the `reasoning` that led to it: send it back unchanged with the message.
    """

    text: str
    model: str
    calls: list[ModelCall] | None = None
    reasoning: KeptReasoning | None = None
    usage: Usage | None = None
    stop_reason: StopReason | Literal["empty"] | None = None


async def model_reply(
    models: Models,
    messages: Sequence[ModelMessage],
    on_text: Callable[[str], None],
    *,
    model: str | None = None,
    instructions: str | None = None,
    tools: Sequence[ModelTool] = (),
    must_call: bool = False,
) -> ModelReply:
    """Ask a model (default: the default model), and call `on_text` with each piece of its text.

    Raises `ModelUnavailable`, and `InvalidParams` if there is nothing to reply to; cancelling the task closes the connection.
    """
    _check(messages)
    try:
        return await _ask(models, messages, on_text, model=model, instructions=instructions, tools=tools, must_call=must_call)
    except ModelUnavailable as problem:
        problem.hint = problem.alone  # the usual hint mentions a reply or a session
        raise


async def _ask(
    models: Models,
    messages: Sequence[ModelMessage],
    on_text: Callable[[str], None],
    *,
    model: str | None,
    instructions: str | None,
    tools: Sequence[ModelTool],
    must_call: bool,
) -> ModelReply:
    models.warm()
    chosen = await models.choose([] if model is None else [model])
    sent: ModelMessages = [] if instructions is None else [{"role": "system", "content": replace_lone_surrogates(instructions)}]
    sent += [sent_message for message in messages for sent_message in _sent(message)]
    model_request = ModelRequest(chosen, join_adjacent(sent), tools=[_offer(tool) for tool in tools], must_call=must_call)
    pieces: list[str] = []
    requests: list[ToolRequest] = []
    usage: Usage | None = None
    reason: StopReason = "unknown"
    native: NativeReasoning | None = None
    async for output in models.stream(model_request):
        match output:
            case TextDelta():
                pieces.append(replace_lone_surrogates(output.text))
                on_text(pieces[-1])
            case ToolRequest():
                requests.append(output)
            case StepEnd():
                usage, reason, native = output.usage, output.reason, output.native
            case _:
                pass  # reasoning is not part of the text
    calls = [_call(request, chosen, cut=request is requests[-1] and reason not in ("stop", "tool_calls")) for request in requests]
    text = "".join(pieces)
    ended = reason if calls else reply_stop_reason(reason, wrote=bool(text.strip()))
    reasoning = None if native is None else kept_reasoning(native)
    return ModelReply(text=text, model=chosen, calls=calls or None, reasoning=reasoning, usage=usage, stop_reason=ended)


def _check(messages: Sequence[ModelMessage]) -> None:
    for index, message in enumerate(messages):
        if message.role == "participant" and message.calls:
            raise InvalidParams("Only a model's message can have calls.", fields=[f"messages.{index}.calls"])
        if not message.text and not message.calls:
            raise InvalidParams("The message is empty.", fields=[f"messages.{index}.text"])
    if messages[-1].role == "agent" and not messages[-1].calls:
        raise InvalidParams("The last message is the model's. There is nothing to reply to.", fields=["messages"])


def _sent(message: ModelMessage) -> Iterator[dict[str, Any]]:
    text = replace_lone_surrogates(message.text)
    if message.role == "participant":
        yield {"role": "user", "content": text}
        return
    answer: dict[str, Any] = {"role": "assistant", "content": text}
    if message.calls:
        answer["tool_calls"] = [tool_call(call.call_id, call.name, call.arguments) for call in message.calls]
    if message.reasoning is not None:
        answer["native_reasoning"] = as_sent(message.reasoning)
    yield answer
    for call in message.calls or ():
        yield {"role": "tool", "tool_call_id": call.call_id, "content": replace_lone_surrogates(call.result)}


def _offer(tool: ModelTool) -> dict[str, Any]:
    return tool_definition(tool.name, replace_lone_surrogates(tool.description), tool.schema_)


def _call(request: ToolRequest, model: str, *, cut: bool) -> ModelCall:
    arguments = arguments_of(replace_lone_surrogates(request.arguments))
    try:
        # (Pydantic refuses missing arguments and invalid names.)
        return ModelCall.model_validate(
            {"callId": request.call_id, "name": request.name, "arguments": None if cut and not arguments else arguments}
        )
    except ValueError:
        raise ModelUnavailable(
            f"The answer of {model} was cut off in the middle of a tool call."
            if cut
            else f"{model} called a tool in an invalid way.",
            hint="Ask again, or choose another model.",
            reason="provider",
            model=model,
        ) from None
