"""A model's own reply to messages that belong to no session: for programs that bring instructions and messages of their own.

Nothing of it is kept, so there is no log that it could go through: whoever asked gets the words, and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sessionls.sessions.errors import InvalidParams
from sessionls.sessions.model import ModelMessage, Usage
from sessionls.sessions.ports import ModelRequest, Models, StepEnd, TextDelta
from sessionls.sessions.results import ModelReply
from sessionls.sessions.texts import sound

if TYPE_CHECKING:
    from sessionls.sessions.transcript import ModelMessages

__all__ = ["model_reply"]

_ROLES = {"participant": "user", "agent": "assistant"}  # as models know them


async def model_reply(
    models: Models,
    messages: Sequence[ModelMessage],
    told: Callable[[str], None],
    *,
    model: str | None = None,
    instructions: str | None = None,
) -> ModelReply:
    """Ask a model (without `model`, the default one), and call `told` with each piece of its words.

    Raises `ModelUnavailable`; cancelling the task closes the connection.
    """
    if messages[-1].role == "agent":
        raise InvalidParams("The last message is an agent's: there is nothing to reply to.", fields=["messages"])
    models.warm()
    chosen = await models.choose([] if model is None else [model])
    sent: ModelMessages = [] if instructions is None else [{"role": "system", "content": sound(instructions)}]
    sent += [{"role": _ROLES[message.role], "content": sound(message.text)} for message in messages]
    pieces: list[str] = []
    usage: Usage | None = None
    async for output in models.stream(ModelRequest(chosen, sent)):
        match output:
            case TextDelta():
                pieces.append(sound(output.text))
                told(pieces[-1])
            case StepEnd():
                usage = output.usage
            case _:
                pass  # reasoning is the model's own, and no tool was offered
    return ModelReply(text="".join(pieces), model=chosen, usage=usage)
