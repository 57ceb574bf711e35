"""Calling models: the requests, the results, and what happens when a call is cancelled."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_calls import ALL, ANTHROPIC, KEY, OLLAMA, OPENAI, Make, environ, failure, free_port, outputs, request, text_of
from model_server import Answer, Hold, ModelServer, Refuse, Stall, Tokens, ToolUse
from sessionls.domain.model import Usage
from sessionls.models.gateway import Limits
from sessionls.ports.models import ModelRequest, ReasoningDelta, StepEnd, TextDelta, ToolRequest

TOOL = {
    "type": "function",
    "function": {"name": "read", "description": "Read.", "parameters": {"type": "object", "properties": {}}},
}


class TestOutputs:
    @ALL
    async def test_text_is_streamed_and_ends_once(self, make: Make, model_server: ModelServer, model: str) -> None:
        model_server.script(Answer("one two three", tokens=Tokens(100, 20)))
        given = await outputs(make(), request(model))
        assert text_of(given) == "one two three"
        assert [type(output) for output in given].count(StepEnd) == 1
        end = given[-1]
        assert isinstance(end, StepEnd) and end.reason == "stop" and end.usage is not None
        assert (end.usage.input_tokens, end.usage.output_tokens) == (100, 20)

    async def test_repeated_text_is_not_dropped(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(Answer(chunks=["- "] * 300))
        assert text_of(await outputs(make(), request())) == "- " * 300

    async def test_each_piece_is_delivered_before_the_next_is_written(self, make: Make, model_server: ModelServer) -> None:
        hold = Hold("first ", then=Answer("second"))
        model_server.script(hold)
        async with aclosing(make().stream(request())) as stream:  # type: ignore[type-var]
            assert await anext(stream) == TextDelta("first ")
            hold.go.set()
            assert await anext(stream) == TextDelta("second")

    @pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
    async def test_usage_counts_cached_tokens_and_uses_the_price_table(
        self, make: Make, model_server: ModelServer, model: str
    ) -> None:
        model_server.script(Answer("x", tokens=Tokens(1000, 10)), Answer("x", tokens=Tokens(1000, 10, cached=800)))
        gateway = make()
        plain, cached = [(await outputs(gateway, request(model)))[-1] for _ in range(2)]
        assert isinstance(plain, StepEnd) and isinstance(cached, StepEnd) and plain.usage and cached.usage
        assert (plain.usage.input_tokens, plain.usage.cached_tokens) == (1000, None)
        assert (cached.usage.input_tokens, cached.usage.cached_tokens) == (1000, 800)
        assert plain.usage.cost and cached.usage.cost and plain.usage.cost > cached.usage.cost > 0

    async def test_a_model_without_a_known_price_has_no_cost(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(Answer("x", tokens=Tokens(5, 2)))
        end = (await outputs(make(), request("openai/my-own-model")))[-1]
        assert end == StepEnd(Usage(input_tokens=5, output_tokens=2), "stop")

    async def test_missing_usage_is_not_estimated(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(Answer("one two three", usage=False))
        assert (await outputs(make(), request()))[-1] == StepEnd(None, "stop")

    @ALL
    async def test_reasoning_is_separate_from_text(self, make: Make, model_server: ModelServer, model: str) -> None:
        model_server.script(Answer("so yes", reasoning="let me see"))
        given = await outputs(make(), request(model))
        assert "".join(output.text for output in given if isinstance(output, ReasoningDelta)) == "let me see"
        assert text_of(given) == "so yes"

    @ALL
    async def test_parallel_calls_are_complete_in_order_and_last(self, make: Make, model_server: ModelServer, model: str) -> None:
        model_server.script(
            Answer("I look.", tools=[ToolUse("read", {"path": "a.py", "lines": "1-20"}), ToolUse("read", {"path": "b.py"})])
        )
        given = await outputs(make(), request(model, tools=[TOOL]))
        calls = [output for output in given if isinstance(output, ToolRequest)]
        assert [(call.name, json.loads(call.arguments)) for call in calls] == [
            ("read", {"path": "a.py", "lines": "1-20"}),
            ("read", {"path": "b.py"}),
        ]
        assert len({call.call_id for call in calls}) == 2 and all(call.call_id for call in calls)
        assert given[-3:-1] == calls and isinstance(given[-1], StepEnd) and given[-1].reason == "tool_calls"

    @pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
    async def test_arguments_are_passed_on_unchanged_even_if_invalid(
        self, make: Make, model_server: ModelServer, model: str
    ) -> None:
        model_server.script(Answer(tools=[ToolUse("read", '{"path": "a.py", "li', call_id="call_1")]))
        given = await outputs(make(), request(model, tools=[TOOL]))
        assert given[0] == ToolRequest("call_1", "read", '{"path": "a.py", "li')

    @pytest.mark.usefixtures("litellm_ready")
    async def test_reasoning_models_of_openai_use_the_responses_api_for_tools(
        self, make: Make, model_server: ModelServer
    ) -> None:
        calls = [ToolUse("read", {"path": "a.py"}, "call_a"), ToolUse("read", {"path": "b.py"}, "call_b")]
        model_server.script(Answer("I look.", reasoning="let me see", tools=calls, tokens=Tokens(100, 20, cached=40)))
        given = await outputs(make(), request("openai/gpt-6.1-sol", tools=[TOOL], reasoning_effort="high"))
        assert model_server.requests[0].path == "/v1/responses" and model_server.requests[0].tools == ["read"]
        assert "".join(output.text for output in given if isinstance(output, ReasoningDelta)) == "let me see"
        assert text_of(given) == "I look."
        assert [(o.call_id, json.loads(o.arguments)) for o in given if isinstance(o, ToolRequest)] == [
            ("call_a", {"path": "a.py"}),
            ("call_b", {"path": "b.py"}),
        ]
        end = given[-1]
        assert isinstance(end, StepEnd) and end.reason == "tool_calls" and end.usage is not None
        assert (end.usage.input_tokens, end.usage.output_tokens, end.usage.cached_tokens) == (100, 20, 40)

    async def test_a_call_without_arguments_has_an_empty_object(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(Answer(tools=[ToolUse("read", "", call_id="call_1")]))
        given = await outputs(make(), request(ANTHROPIC, tools=[TOOL]))
        assert given[0] == ToolRequest("call_1", "read", "{}")

    async def test_a_reply_that_reached_the_token_limit_is_marked(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(Answer("and so", reason="length"))
        end = (await outputs(make(), request()))[-1]
        assert isinstance(end, StepEnd) and end.reason == "length"

    async def test_an_unknown_finish_reason_is_unknown(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(Answer("and so", reason="eos_by_moonlight"))
        end = (await outputs(make(), request()))[-1]
        assert isinstance(end, StepEnd) and end.reason == "unknown"

    @ALL
    async def test_reasoning_of_another_provider_is_not_sent(self, make: Make, model_server: ModelServer, model: str) -> None:
        model_server.script(Answer("yes"))
        asked = request(model)
        earlier = {"role": "assistant", "content": "first", "native_reasoning": {"provider": "other", "data": "a secret thought"}}
        messages = [*asked.messages, earlier, {"role": "user", "content": "go on"}]
        await outputs(make(), replace(asked, messages=messages))
        sent = json.dumps(model_server.requests[0].body)
        assert "first" in sent and "native_reasoning" not in sent and "a secret thought" not in sent

    async def test_a_fast_model_does_not_block_the_event_loop(self, make: Make, model_server: ModelServer) -> None:
        chunks = [f"{number} " for number in range(1000)]
        model_server.script(Answer(chunks=chunks))
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0)
                beats += 1

        other = asyncio.create_task(beat())
        given = await outputs(make(), request())
        other.cancel()
        assert text_of(given) == "".join(chunks)
        assert beats > 20
        assert len(given) < 1000  # pieces that arrived faster than they were consumed were joined


class TestRequests:
    @pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
    async def test_requests_do_not_affect_each_other(self, make: Make, model_server: ModelServer, model: str) -> None:
        gateway = make()
        await outputs(gateway, request(model, tools=[TOOL], temperature=0.2, max_tokens=77))
        await outputs(gateway, request(model, text="again"))
        full, bare = (received.body for received in model_server.requests)
        assert full["temperature"] == 0.2 and full["max_tokens"] == 77
        assert model_server.requests[0].tools == ["read"]
        assert "temperature" not in bare and "tools" not in bare and "tool_choice" not in bare
        assert bare.get("max_tokens") != 77
        assert model_server.requests[1].text == "again" and len(model_server.requests[1].messages) == 1

    async def test_two_simultaneous_streams_do_not_mix(self, make: Make, model_server: ModelServer) -> None:
        gateway = make()
        asked = [
            request(OPENAI, "say: one", temperature=0.1),
            request(ANTHROPIC, "say: two", tools=[TOOL]),
            request("openai/gpt-4o", "say: three"),
        ]
        given = await asyncio.gather(*(outputs(gateway, each) for each in asked))
        assert [text_of(each) for each in given] == ["one", "two", "three"]
        seen = {received.text: received for received in model_server.requests}
        assert seen["say: one"].body["temperature"] == 0.1 and seen["say: one"].tools == []
        assert "temperature" not in seen["say: two"].body and seen["say: two"].tools == ["read"]
        assert "temperature" not in seen["say: three"].body and seen["say: three"].body["model"] == "gpt-4o"

    async def test_the_callers_objects_are_not_changed(self, make: Make, model_server: ModelServer) -> None:
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        ]
        before = json.dumps(messages)
        await outputs(make(), ModelRequest(ANTHROPIC, messages, tools=[TOOL]))
        assert json.dumps(messages) == before
        assert model_server.requests[0].system == "Be brief."

    async def test_anthropic_requests_use_prompt_caching(self, make: Make, model_server: ModelServer) -> None:
        """Cache points: after tools and instructions, at the end of the previous request, and at the end of this one."""

        def call(number: int) -> list[dict[str, Any]]:
            function = {"name": "read", "arguments": "{}"}
            return [
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": f"c{number}", "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": f"c{number}", "content": f"result {number}"},
            ]

        began: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "look"}]
        gateway = make()
        for steps in range(3):
            messages = [*began, *(message for number in range(steps) for message in call(number))]
            await outputs(gateway, ModelRequest(ANTHROPIC, messages, tools=[TOOL]))
            await outputs(gateway, ModelRequest(OPENAI, messages, tools=[TOOL]))
        asked = [received.body for received in model_server.requests]
        assert "cache_control" not in str([body for body in asked if body["model"].startswith("gpt")])
        ours = [body for body in asked if body["model"].startswith("claude")]
        assert all(body["system"][-1]["cache_control"] == {"type": "ephemeral"} for body in ours)
        marked = [
            [i for i, message in enumerate(body["messages"]) if "cache_control" in str(message["content"])] for body in ours
        ]
        assert marked == [[0], [0, 2], [2, 4]]
        assert "cache_control" not in str(began)

    async def test_a_model_without_reasoning_answers(self, make: Make, model_server: ModelServer) -> None:
        given = await outputs(make(), request(OPENAI, "say: yes", reasoning_effort="high"))
        assert text_of(given) == "yes"
        assert "reasoning_effort" not in model_server.requests[0].body

    async def test_a_transcript_with_calls_can_be_sent_without_tools(self, make: Make, model_server: ModelServer) -> None:
        call = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "nothing"},
            {"role": "user", "content": "say: fine"},
        ]
        assert text_of(await outputs(make(), ModelRequest(ANTHROPIC, messages))) == "fine"

    async def test_the_key_goes_to_its_own_provider(self, make: Make, model_server: ModelServer) -> None:
        gateway = make(OPENAI_API_KEY="key-of-openai", ANTHROPIC_API_KEY="key-of-anthropic")
        await outputs(gateway, request(OPENAI))
        await outputs(gateway, request(ANTHROPIC))
        first, second = (received.headers for received in model_server.requests)
        assert first["authorization"] == "Bearer key-of-openai" and "key-of-anthropic" not in str(first)
        assert second["x-api-key"] == "key-of-anthropic" and "key-of-openai" not in str(second)

    async def test_a_proxy_from_the_environment_is_used_for_other_machines(
        self, make: Make, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", model_server.url)
        gateway = make(OPENAI_API_BASE="http://models.example.org/v1")
        assert text_of(await outputs(gateway, request(text="say: by proxy"))) == "by proxy"
        assert model_server.requests[0].path == "http://models.example.org/v1/chat/completions"

    async def test_a_query_in_the_address_is_kept(self, make: Make, model_server: ModelServer) -> None:
        await outputs(make(OPENAI_API_BASE=f"{model_server.openai}/?version=7"), request())
        assert model_server.requests[0].path == "/v1/chat/completions"

    async def test_a_key_is_not_sent_to_another_server_after_a_redirect(self, make: Make, model_server: ModelServer) -> None:
        here = {"location": "/v1/moved/chat/completions"}
        model_server.script(
            Refuse(307, headers=here), Answer("there"), Refuse(307, headers={"location": "http://other.example.org/"})
        )
        gateway = make()
        assert text_of(await outputs(gateway, request())) == "there"
        assert model_server.requests[1].headers["authorization"] == f"Bearer {KEY}"
        problem = await failure(gateway, request())
        assert problem.reason == "badRequest" and "another address" in problem.message and len(model_server.requests) == 3

    async def test_an_invalid_key_is_not_sent(self, make: Make, model_server: ModelServer) -> None:
        problem = await failure(make(OPENAI_API_KEY="sk-“quoted”"), request())
        assert problem.reason == "unauthorized" and "OPENAI_API_KEY" in problem.hint and "quoted" not in str(problem)
        assert model_server.requests == []

    async def test_a_model_name_without_a_provider_is_understood_if_unambiguous(
        self, make: Make, model_server: ModelServer
    ) -> None:
        await outputs(make(), request("claude-sonnet-4-5"))
        assert (model_server.requests[0].path, model_server.requests[0].body["model"]) == ("/v1/messages", "claude-sonnet-4-5")

    async def test_ollama_gets_the_context_window_that_we_assume(self, make: Make, model_server: ModelServer) -> None:
        gateway = make(OLLAMA_CONTEXT_LENGTH="32768")
        await outputs(gateway, request(OLLAMA))
        assert model_server.requests[0].body["options"]["num_ctx"] == gateway.window(OLLAMA) == 32768
        assert model_server.strays == []  # litellm did not query its abilities with a blocking request


class TestCancelling:
    @ALL
    async def test_cancelling_the_task_closes_the_connection(self, make: Make, model_server: ModelServer, model: str) -> None:
        hold = Hold("Once upon")
        model_server.script(hold)
        reading = asyncio.create_task(outputs(make(), request(model)))
        await hold.reached.wait()
        reading.cancel()
        await model_server.requests[0].closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await reading

    @ALL
    async def test_cancelling_before_the_first_output_closes_the_connection(
        self, make: Make, model_server: ModelServer, model: str
    ) -> None:
        model_server.script(Stall())
        reading = asyncio.create_task(outputs(make(), request(model)))
        received = await model_server.received()
        reading.cancel()
        await received.closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await reading

    @ALL
    async def test_closing_the_stream_closes_the_connection(self, make: Make, model_server: ModelServer, model: str) -> None:
        model_server.script(Hold("Once upon"))
        async with aclosing(make().stream(request(model))) as stream:  # type: ignore[type-var]
            assert await anext(stream) == TextDelta("Once upon")
        await model_server.requests[0].closed.wait()

    async def test_a_wait_before_a_retry_can_be_cancelled(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(Refuse.of("provider"))
        reading = asyncio.create_task(outputs(make(Limits(backoff=3600)), request()))
        await (await model_server.received()).done.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert len(model_server.requests) == 1

    async def test_closing_one_gateway_does_not_affect_another(self, make: Make, model_server: ModelServer) -> None:
        hold = Hold("first ", then=Answer("second"))
        model_server.script(Answer("x"), hold)
        one, other = make(), make()
        await outputs(one, request(ANTHROPIC))
        async with aclosing(other.stream(request(ANTHROPIC))) as stream:  # type: ignore[type-var]
            assert await anext(stream) == TextDelta("first ")
            await one.close()
            hold.go.set()
            assert await anext(stream) == TextDelta("second")

    async def test_the_next_request_works_after_an_error(self, make: Make, model_server: ModelServer) -> None:
        gateway = make()
        model_server.script(Hold("Once upon"))
        async with aclosing(gateway.stream(request())) as stream:  # type: ignore[type-var]
            await anext(stream)
        assert text_of(await outputs(gateway, request(text="say: here"))) == "here"


async def test_only_the_context_windows_of_known_models_are_known(make: Make) -> None:
    gateway = make()
    for model in (OPENAI, ANTHROPIC, "openai/my-own-model"):
        assert await gateway.choose([model]) == model
    assert gateway.window(OPENAI) == 128_000
    assert gateway.window(ANTHROPIC) == 200_000
    assert gateway.window("embedded/smollm2-135m") == 8192
    assert gateway.window("openai/my-own-model") is None
    assert gateway.window("nonsense") is None


_FRESH = """
import asyncio, os, sys
import dotenv
dotenv.load_dotenv = lambda *args, **more: sys.exit("a .env file would have been read")
from sessionls.models.gateway import Gateway
from sessionls.ports.models import ModelRequest, TextDelta

async def main() -> None:
    gateway = Gateway()
    assert await gateway.choose([]) == "anthropic/claude-sonnet-5-5"
    assert "litellm" not in sys.modules, "choosing imported litellm"
    gateway.warm()
    gateway.warm()
    request = ModelRequest("openai/gpt-4o-mini", [{"role": "user", "content": "say: hello"}])
    said = [output.text async for output in gateway.stream(request) if isinstance(output, TextDelta)]
    try:
        [output async for output in gateway.stream(ModelRequest("nonsense", request.messages))]
    except Exception as error:
        pass
    await gateway.close()
    sys.stderr.write("".join(said))

asyncio.run(main())
"""


async def test_litellm_is_imported_late_stays_silent_and_uses_no_proxy_for_this_machine(
    model_server: ModelServer, tmp_path: Path
) -> None:
    import os

    settings = {**os.environ, **environ(model_server), "HTTP_PROXY": f"http://127.0.0.1:{free_port()}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _FRESH, cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert (out.decode(), err.decode(), process.returncode) == ("", "hello", 0)
