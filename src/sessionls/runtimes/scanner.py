"""The runtime for scanners: answers a message with one call of the tool `scan`, without a model."""

from __future__ import annotations

from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable
from sessionls.domain.model import ToolPart
from sessionls.domain.permission import Policy
from sessionls.ports.models import ImageSupport
from sessionls.ports.runtime import AgentQuestion, ReplySink, ReplyToWrite, RuntimeAbilities
from sessionls.runtimes.tool_runner import ToolRunner

__all__ = ["ScannerRuntime"]

_TOOL = "scan"


class ScannerRuntime:
    """`ReplyToWrite.options` are the arguments of the call."""

    name = "scanner"
    abilities = RuntimeAbilities(steer=False, resume=False, own_model=True)

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def image_support(self, definition: Definition, model: str | None) -> ImageSupport:  # noqa: ARG002
        return ImageSupport(accepted=False)

    async def answer(self, question: AgentQuestion, sink: ReplySink) -> str:  # noqa: ARG002
        raise AgentUnavailable(question.agent.definition.name, "it answers no questions.", hint="Ask another agent.")

    async def write(self, reply: ReplyToWrite, sink: ReplySink) -> None:
        if not any(isinstance(part, ToolPart) for part in sink.parts):
            sink.spending.take_step()
            await sink.stoppable(sink.check_budget())
            call = ToolPart(call_id=_TOOL, name=_TOOL, arguments=dict(reply.options), status="waiting", step=1)
            sink.parts.append(call)
            await sink.keep_step(len(sink.parts) - 1)
        runner = ToolRunner(sink, self._policy, reply.definition, reply.session.id, reply.reply.id, reply.tools)
        await runner.run_pending()
