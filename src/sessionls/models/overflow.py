"""Recognizes refusals of prompts that are too long. Every provider words them differently."""

from __future__ import annotations

import re

__all__ = ["is_overflow"]

# The comment above each names the providers that use it.
_OVERFLOW = re.compile(
    r"""
      # most: "maximum context length is N tokens", context_length_exceeded
      context[\s_-]*(length|window|size|limit)
      # OpenRouter, vLLM
    | max(imum)?\s+context
      # llama.cpp: exceed_context_size_error
    | exceed\w*\s+context
      # Anthropic, Bedrock, Zhipu
    | (prompt|input|request|message|content)s?\s+((is|was|are)\s+)?(too\s+(long|large|big)|exceeds?\s+max)
      # HTTP 413, OpenAI, Groq
    | (request|payload|body|entity|prompt|input|content)[\s_](entity[\s_])?too[\s_](large|long)
    | (prompt|input|request)s?\s+(exceeds?|exceeded|is\s+over|is\s+longer|over)\b.{0,60}(length|limit|maximum|tokens|context)
      # xAI, vLLM, Poolside
    | maximum\s+(allowed\s+)?(prompt|input|sequence|model|token|request)\s+(length|size|count|tokens)
    | max_(prompt|input|seq|model)_(len|length|tokens)\b
      # Qwen (DashScope): "Range of input length should be [1, N]"
    | range\s+of\s+input\s+length
      # Moonshot
    | exceeded\s+model\s+token\s+limit
      # Gemini, and others
    | (token|prompt|input)\s+(token\s+)?(limit|count)\b.{0,40}exceed
    | exceed\w*\b.{0,40}\b(maximum|max|available|allowed|model'?s?)\b.{0,40}\b(tokens?|context|input|prompt|length)
      # GitHub Copilot
    | (exceeds?|exceeded|over)\s+the\s+limit\s+of\s+\d+
      # vLLM, Together
    | longer\s+than\s+the\s+(model|maximum|max|context)
      # Hugging Face
    | inputs`?\s+tokens\s*\+
      # LM Studio
    | greater\s+than\s+the\s+(context|max)
      # Cohere, AI21
    | too\s+many\s+(input\s+|prompt\s+|total\s+)?tokens
    | tokens?\s+in\s+(the\s+)?(request|prompt|input)\s+(is\s+|are\s+)?(more|greater|larger)
    | larger\s+than\s+the\s+(max|context|model)
    | (reduce|shorten)\s+(the\s+length|your\s+(prompt|message|input|context)|the\s+(prompt|input|message|number\s+of\s+tokens))
    | input.{0,20}length.{0,20}exceeds
    | does\s+not\s+fit\s+(in|into)\s+.{0,20}context
    | (maximum|max)\s+(number\s+of\s+)?(input\s+)?tokens\s+(allowed|exceeded)
      # Zhipu, Qwen, MiniMax
    | (输入|上下文|提示词?|请求|内容).{0,12}(超出|超过|过长|太长)
    | (超出|超过).{0,12}(上下文|最大长度|长度限制|最大输入)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# OpenAI has one code for any text that is too long: only a message can be made shorter.
_LONG_TEXT = re.compile(r"string_above_max_length|string too long", re.IGNORECASE)
_NOT_A_MESSAGE = re.compile(r"tools?\b|function|\bname\b|call_id|tool_calls", re.IGNORECASE)
# About the length of the answer, not of the request.
_ANSWER = re.compile(
    r"max_(completion_|output_|new_)?tokens\b.{0,60}(must be|should be|at most|less than|too large|range|>|exceed)"
    r"|range of max_tokens|maximum (allowed )?(number of )?output tokens",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"maximum context length|context limit|inputs?`? (tokens|length)|in (the|your) (messages|prompt)", re.IGNORECASE
)
_RATE = re.compile(r"rate.?limit|too many requests|per.?(minute|min|day|second|hour)|\b[TR]P[MD]\b|throttl|quota", re.IGNORECASE)
_LIMIT = re.compile(r"limit:?\s*(?:is\s*|of\s*)?([\d,]+)", re.IGNORECASE)
_REQUESTED = re.compile(r"request(?:ed|s)?:?\s*(?:is\s*|about\s*)?([\d,]+)", re.IGNORECASE)


def is_overflow(status: int | None, text: str) -> bool:
    """`text`: the provider's message, with its codes. A limit per minute does not limit a single request, unless the request
    alone exceeds it.
    """
    if status == 413:
        return True
    if status in (401, 402, 403, 404):
        return False
    if status == 429 or _RATE.search(text):
        limit, requested = _number(_LIMIT, text), _number(_REQUESTED, text)
        if limit is not None and requested is not None:
            return requested > limit
        return bool(re.search(r"(request|prompt|input)[\s_](is )?too[\s_](large|long)", text, re.IGNORECASE))
    if _LONG_TEXT.search(text):
        return not _NOT_A_MESSAGE.search(text)
    if _ANSWER.search(text) and not _REQUEST.search(text):
        return False
    return bool(_OVERFLOW.search(text))


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    digits = found[1].replace(",", "") if found else ""
    return int(digits) if digits.isdecimal() and len(digits) < 16 else None
