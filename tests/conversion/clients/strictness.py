"""The provider itself: that it refuses what the real APIs refuse, and takes what they take."""

import json
import urllib.error
import urllib.request

from kit import LOCATION, PROVIDER, case, run

HI = [{"role": "user", "content": "hi"}]
VERSION = {"anthropic-version": "2023-06-01"}
CLAUDE_TOOL = {"name": "f", "input_schema": LOCATION}
CALLED = [*HI, {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]}]
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}]}
CHAT_TOOL = {"type": "function", "function": {"name": "f", "parameters": LOCATION}}
CHAT_CALLED = [*HI, {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]
ITEM_CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


def post(path, body, headers=()):
    """(status, body) of one request."""
    asked = urllib.request.Request(f"{PROVIDER}/v1{path}", json.dumps(body).encode(), {"content-type": "application/json", **dict(headers)})
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def holds(path, base, refused, taken, headers=()):
    """Each change to the base alone must be refused with these words, or taken."""
    for change, words in [({}, None), *((change, None) for change in taken), *refused]:
        body = {name: value for name, value in {**base, **change}.items() if value is not ...}
        status, told = post(path, body, headers)
        if words is None:
            assert status == 200, f"{change} should be taken: {told}"
        else:
            assert status == 400 and words in told, f"{change} should be refused with {words!r}: {status} {told}"


@case
def messages():
    base = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": HI}
    loop = {"messages": [*CALLED, RESULT], "tools": [CLAUDE_TOOL]}
    thinks = {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 3000}
    refused = [
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"unknown": 1}, "unknown: Extra inputs"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "unknown": 1}]}]}, "messages.0.content.0.unknown"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "first message"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content"),
        ({"max_tokens": "100"}, "max_tokens"),
        ({"messages": [*HI, RESULT]}, "unexpected `tool_use_id`"),
        ({"messages": [*CALLED, *HI]}, "without `tool_result`"),
        ({"messages": [*HI, {"role": "system", "content": "x"}]}, "role 'system'"),
        ({"tools": [{**CLAUDE_TOOL, "name": "a b"}]}, "pattern"),
        ({"tool_choice": {"type": "auto"}}, "Tools must be provided"),
        ({"temperature": 1.5}, "less than or equal"),
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both"),
        ({**thinks, "max_tokens": 2000}, "greater than"),
        ({**thinks, "temperature": 0.5}, "may only be set to 1"),
        ({**thinks, "tools": [CLAUDE_TOOL], "tool_choice": {"type": "any"}}, "forces tool use"),
        ({**thinks, **loop}, "Expected `thinking`"),
        ({"messages": [*HI, {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "x"}]}, *HI]}, "Invalid `signature`"),
        ({"thinking": {"type": "adaptive"}}, "adaptive"),
        ({"model": "claude-opus-4-8", "temperature": 1}, "deprecated"),
        ({"model": "claude-opus-4-8", **thinks}, "not supported"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}}}, "additionalProperties"),
    ]
    taken = [loop, thinks, {"temperature": 0.5}, {"model": "claude-opus-4-8", "messages": [*HI, {"role": "system", "content": "x"}]}]
    holds("/messages", base, refused, taken, VERSION)
    holds("/messages", base, [({"temperature": 1}, "Extra inputs"), ({"top_k": 5}, "Extra inputs")], [], {"anthropic-version": "2026-10-21"})
    assert post("/messages", base)[0] == 400, "the version is required"


@case
def chat_completions():
    base = {"model": "gpt-5", "messages": HI}
    tools = {"tools": [CHAT_TOOL]}
    result = {"role": "tool", "tool_call_id": "c", "content": "x"}
    loose = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}, "strict": True}}
    refused = [
        ({"messages": ...}, "messages: Field required"),
        ({"unknown": 1}, "unknown: Extra inputs"),
        ({"messages": [{"role": "user", "content": "x", "reasoning_details": []}]}, "reasoning_details"),
        ({"max_tokens": 5}, "max_completion_tokens"),
        ({"temperature": 0.5}, "temperature"),
        ({"model": "gpt-4o", "reasoning_effort": "low"}, "reasoning_effort"),
        ({"messages": [*HI, result]}, "preceeding message"),
        ({"messages": CHAT_CALLED}, "did not have response"),
        ({"messages": [*CHAT_CALLED, *HI]}, "did not have response"),
        ({"tools": []}, "empty array"),
        ({"parallel_tool_calls": True}, "only allowed when 'tools'"),
        ({"tools": [{"type": "function", "function": {"name": "x" * 65}}]}, "pattern"),
        ({"tools": [loose]}, "additionalProperties"),
        ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'"),
        ({"metadata": {"a": "b"}}, "'store'"),
        ({"response_format": {"type": "json_object"}}, "the word 'json'"),
        ({"messages": [*HI, {"role": "assistant", "content": None}]}, "null"),
    ]
    taken = [{**tools, "messages": [*CHAT_CALLED, result]}, {"model": "gpt-4o", "max_tokens": 5, "temperature": 0.5}, {**tools, "tool_choice": "required"}]
    holds("/chat/completions", base, refused, taken)


@case
def responses():
    base = {"model": "gpt-5", "input": "hi"}
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    said = {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}
    refused = [
        ({"input": ...}, "input"),
        ({"unknown": 1}, "unknown: Extra inputs"),
        ({"messages": HI}, "messages: Extra inputs"),
        ({"tools": [CHAT_TOOL]}, "tools.0"),
        ({"input": [*HI, output]}, "No tool call found"),
        ({"input": [*HI, ITEM_CALL]}, "No tool output found"),
        ({"input": [*HI, {**ITEM_CALL, "id": "call_1"}, output]}, "begins with 'fc'"),
        ({"input": [*HI, {"type": "reasoning", "id": "rs_1", "summary": []}]}, "not persisted"),
        ({"input": [*HI, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}]}, "could not be verified"),
        ({"input": [*HI, said]}, "output_text"),
        ({"max_output_tokens": 5}, ">= 16"),
        ({"temperature": 0.5}, "temperature"),
        ({"model": "gpt-4.1", "include": ["reasoning.encrypted_content"]}, "Encrypted content"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"text": {"format": {"type": "json_object"}}}, "the word 'json'"),
    ]
    taken = [{"input": [*HI, ITEM_CALL, output]}, {"instructions": "Be brief."}, {"include": ["reasoning.encrypted_content"]}, {"max_output_tokens": 16}]
    holds("/responses", base, refused, taken)


run()
