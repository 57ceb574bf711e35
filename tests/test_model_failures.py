"""Failures of models: each has a reason and says what to do, and temporary ones are tried again."""

from __future__ import annotations

import logging
from contextlib import aclosing

import pytest

from model_calls import ALL, ANTHROPIC, KEY, OLLAMA, OPENAI, QUICK, Make, failure, free_port, outputs, request, text_of
from model_server import Answer, Cut, Fault, ModelServer, Refuse, Script, Stall
from sessionls.domain.errors import ModelUnavailable
from sessionls.models.gateway import Limits
from sessionls.ports.models import TextDelta


class TestFailures:
    @pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("unauthorized", "unauthorized"),
            ("rateLimited", "rateLimited"),
            ("quota", "quota"),
            ("overflow", "overflow"),
            ("unknownModel", "unknownModel"),
            ("badRequest", "badRequest"),
            ("provider", "provider"),
            ("overloaded", "provider"),
        ],
    )
    async def test_each_error_has_a_reason_and_says_what_to_do(
        self, make: Make, model_server: ModelServer, model: str, kind: str, reason: str
    ) -> None:
        refusal = Refuse.of(kind, anthropic=model == ANTHROPIC)
        model_server.script(*[refusal] * 3)
        problem = await failure(make(), request(model))
        assert (problem.reason, problem.model) == (reason, model)
        if reason not in ("overflow", "unauthorized"):
            assert refusal.message.rstrip(".") in problem.message
        for odd in ("litellm", "Exception", "Error:", "Traceback", "{", "b'"):
            assert odd not in problem.message + problem.hint

    @ALL
    async def test_a_refused_connection_is_explained(self, make: Make, model: str) -> None:
        nowhere = f"http://127.0.0.1:{free_port()}"
        gateway = make(OPENAI_API_BASE=f"{nowhere}/v1", ANTHROPIC_API_BASE=nowhere, OLLAMA_API_BASE=nowhere)
        problem = await failure(gateway, request(model))
        assert problem.reason == "refused" and nowhere in problem.message
        assert "Ollama" in problem.hint if model == OLLAMA else "API_BASE" in problem.hint

    @pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
    async def test_an_invalid_address_is_explained(self, make: Make, model: str) -> None:
        problem = await failure(make(OPENAI_API_BASE="nonsense", ANTHROPIC_API_BASE="nonsense"), request(model))
        assert problem.reason == "refused" and "API_BASE" in problem.hint

    @ALL
    @pytest.mark.parametrize("said", ["", "Once upon"])
    async def test_a_broken_connection_is_explained(self, make: Make, model_server: ModelServer, model: str, said: str) -> None:
        model_server.script(*[Cut(said)] * 3)
        problem = await failure(make(), request(model))
        assert problem.reason == "cut" and "esume" in problem.hint

    @ALL
    async def test_a_stream_without_an_end_is_an_error(self, make: Make, model_server: ModelServer, model: str) -> None:
        model_server.script(*[Answer("Once upon", ends=False)] * 3)
        assert (await failure(make(), request(model))).reason == "cut"

    @ALL
    async def test_an_error_inside_the_stream_is_raised(self, make: Make, model_server: ModelServer, model: str) -> None:
        model_server.script(Fault("Once upon", "The model is overloaded."))
        problem = await failure(make(), request(model))
        assert problem.reason == "provider" and "The model is overloaded." in problem.message

    @ALL
    @pytest.mark.parametrize("said", ["", "Once upon"])
    async def test_a_stalled_stream_is_closed_after_a_timeout(
        self, make: Make, model_server: ModelServer, model: str, said: str
    ) -> None:
        model_server.script(Stall(said))
        problem = await failure(make(Limits(first=0.4, first_slow=0.4, between=0.4)), request(model))
        assert problem.reason == "stalled"
        await model_server.requests[0].closed.wait()
        assert len(model_server.requests) == 1

    async def test_a_missing_key_is_named_and_no_request_is_made(self, make: Make, model_server: ModelServer) -> None:
        problem = await failure(make(OPENAI_API_KEY="", OPENAI_API_BASE=""), request(OPENAI))
        assert (problem.reason, problem.model) == ("noKey", OPENAI)
        assert "OPENAI_API_KEY" in problem.message and "Set OPENAI_API_KEY" in problem.hint
        assert model_server.requests == []

    @pytest.mark.usefixtures("litellm_ready")
    @pytest.mark.parametrize("model", ["nonsense", "no-such-provider/model", "openai/", "/", ""])
    async def test_an_unknown_provider_is_explained(self, make: Make, model_server: ModelServer, model: str) -> None:
        assert (await failure(make(), request(model))).reason == "unknownModel"
        assert model_server.requests == []

    async def test_no_key_appears_in_errors_or_logs(
        self, make: Make, model_server: ModelServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        strange = "strange/key+of:another=shape"
        said = (
            f"Key {KEY} (or {strange}, or Bearer abc.def.ghi, or ?key=AIzaSyA-1234567890) is not for user:pass "
            "at 'http://bob:s3cret@host/v1?auth=hush'."
        )
        problems = []
        for model, status in ((OPENAI, 401), (ANTHROPIC, 401), (OPENAI, 400), (ANTHROPIC, 403), (OLLAMA, 400)):
            model_server.script(Refuse(status, said))
            problems.append(await failure(make(OPENAI_API_KEY=strange), request(model)))
        model_server.script(Fault("x", said))
        problems.append(await failure(make(OPENAI_API_KEY=strange), request(OPENAI)))
        told = "".join(f"{problem!r} {problem} {problem.wire()}" for problem in problems) + caplog.text
        for secret in (KEY, strange, "abc.def.ghi", "AIzaSyA-1234567890", "s3cret", "hush"):
            assert secret not in told
        assert all(problem.__cause__ is None and problem.__suppress_context__ for problem in problems)


class TestTryingAgain:
    @ALL
    @pytest.mark.parametrize("first", [Refuse.of("provider"), Refuse.of("rateLimited"), Cut()], ids=["500", "429", "cut"])
    async def test_temporary_errors_are_retried(self, make: Make, model_server: ModelServer, model: str, first: Script) -> None:
        model_server.script(first, first, Answer("there"))
        assert text_of(await outputs(make(), request(model))) == "there"
        assert len(model_server.requests) == 3

    async def test_retries_are_limited(self, make: Make, model_server: ModelServer) -> None:
        model_server.script(*[Refuse.of("provider")] * 9)
        await failure(make(), request())
        assert len(model_server.requests) == 1 + QUICK.retries

    @pytest.mark.parametrize("kind", ["unauthorized", "quota", "overflow", "unknownModel", "badRequest"])
    async def test_permanent_errors_are_not_retried(self, make: Make, model_server: ModelServer, kind: str) -> None:
        model_server.script(Refuse.of(kind))
        await failure(make(), request())
        assert len(model_server.requests) == 1

    @ALL
    @pytest.mark.parametrize("broken", [Cut("Once upon"), Fault("Once upon")], ids=["cut", "fault"])
    async def test_nothing_is_retried_after_the_first_output(
        self, make: Make, model_server: ModelServer, model: str, broken: Script
    ) -> None:
        model_server.script(broken)
        async with aclosing(make().stream(request(model))) as stream:  # type: ignore[type-var]
            assert await anext(stream) == TextDelta("Once upon")
            with pytest.raises(ModelUnavailable):
                await anext(stream)
        assert len(model_server.requests) == 1

    @pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
    async def test_retries_wait_as_long_as_the_provider_says(self, make: Make, model_server: ModelServer, model: str) -> None:
        # Our own pause would be longer than the test.
        model_server.script(Refuse.of("rateLimited", retry_after=0.01), Answer("there"))
        assert text_of(await outputs(make(Limits(retries=1, backoff=3600)), request(model))) == "there"

    @pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
    async def test_there_is_no_retry_if_the_provider_asks_for_a_long_wait(
        self, make: Make, model_server: ModelServer, model: str
    ) -> None:
        model_server.script(Refuse.of("rateLimited", retry_after=1800))
        problem = await failure(make(), request(model))
        assert problem.retry_after == 1800 and problem.wire()["retryAfter"] == 1800 and "1800 seconds" in problem.hint
        assert len(model_server.requests) == 1

    @pytest.mark.parametrize("said", ["soon", "-3", "nan", "1e999", "Wed, 21 Oct 2015 07:28:00 GMT"])
    async def test_an_invalid_retry_after_is_ignored(self, make: Make, model_server: ModelServer, said: str) -> None:
        model_server.script(Refuse(429, "slow down", headers={"retry-after": said}), Answer("there"))
        assert text_of(await outputs(make(), request())) == "there"
