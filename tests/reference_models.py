"""Models of all kinds of providers, for tests that hold us against litellm."""

from __future__ import annotations

__all__ = ["KEY", "MODELS"]


KEY = "sk-key-0123456789"
MODELS = (
    "openai/gpt-4o-mini",
    "openai/gpt-6.1-sol",
    "openai/o3",
    "openai/my-own-model",
    "anthropic/claude-sonnet-4-5",
    "anthropic/claude-sonnet-5-5",
    "anthropic/claude-opus-4-6",
    "mistral/mistral-medium-latest",
    "deepseek/deepseek-v4-pro",
    "groq/openai/gpt-oss-120b",
    "openrouter/anthropic/claude-sonnet-4.5",
    "xai/grok-4.7",
    "moonshot/kimi-k2.5",
    "ollama/qwen3",
)
