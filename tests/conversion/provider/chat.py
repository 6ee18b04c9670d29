"""OpenAI's Chat Completions API: its rules beyond the types, and its answers."""

import json
import re
import time
import uuid

from openai.types.chat import ChatCompletion, ChatCompletionChunk

import makers
from published import check_request, checked, refuse, rule
from script import USAGE, Ask, data_url, pieces

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
REASONS = re.compile(r"^(gpt-[5-9]|o[1-9]|codex|deepseek|kimi|magistral|gemini)")
OPENAI = re.compile(r"^(gpt-|o[1-9]|codex)")
NEVER_STRICT = {"oneOf", "allOf", "not", "if", "then", "else", "default", "dependentRequired", "dependentSchemas", "patternProperties", "unevaluatedProperties", "propertyNames"}


def read(body, headers):
    """The ask, when the body holds to the types and the rules."""
    body = makers.returned(body)
    check_request("chat", body)
    model, reasons = body["model"], bool(REASONS.match(body["model"]))
    if reasons and OPENAI.match(model):
        _reasoning_model(body)
    elif not reasons:
        rule(body.get("reasoning_effort") is None, "Unrecognized request argument supplied: reasoning_effort", "reasoning_effort")
    _limits(body)
    tools = _tools(body)
    calls, conversation, images = _Calls(), [], []
    for index, message in enumerate(body["messages"]):
        _told(index, message, calls, conversation, images)
    calls.all_answered("the end")
    format_ = body.get("response_format") or {"type": "text"}
    schema = None
    if format_["type"] == "json_schema":
        schema = format_["json_schema"].get("schema") or {}
        rule(NAME.match(format_["json_schema"]["name"]), "Invalid 'response_format.json_schema.name'", "response_format.json_schema.name")
        if format_["json_schema"].get("strict"):
            strict(schema, "response_format", schema)
    elif format_["type"] == "json_object":
        rule("json" in json.dumps(body["messages"]).lower(), "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", "messages")
        schema = {"type": "object"}
    limit = body.get("max_completion_tokens")
    stop = body.get("stop")
    return Ask(
        model=model,
        stream=bool(body.get("stream")),
        conversation=conversation,
        images=images,
        tools=tools,
        thinks=reasons and body.get("reasoning_effort") != "none",
        max_tokens=body.get("max_tokens") if limit is None else limit,
        stops=[stop] if isinstance(stop, str) else list(stop or []),
        schema=schema,
    )


def _reasoning_model(body):
    rule(body.get("max_tokens") is None, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter")
    rule(body.get("temperature") in (None, 1), "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is supported.", "temperature", "unsupported_value")
    for name in ("top_p", "stop", "presence_penalty", "frequency_penalty", "logprobs", "logit_bias"):
        neutral = (None, 1) if name == "top_p" else (None, False, 0)
        rule(body.get(name) in neutral, f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")


def _limits(body):
    rule(body["messages"], "Invalid 'messages': empty array. Expected an array with minimum length 1", "messages")
    for name, most in (("temperature", 2), ("top_p", 1)):
        rule(body.get(name) is None or 0 <= body[name] <= most, f"Invalid '{name}': decimal above maximum value.", name)
    for name in ("max_tokens", "max_completion_tokens"):
        rule(body.get(name) is None or body[name] >= 1, f"Invalid '{name}': integer below minimum value.", name)
    rule(isinstance(body.get("stop"), (str, type(None))) or len(body["stop"]) <= 4, "Invalid 'stop': array too long. Expected an array with maximum length 4", "stop")
    for name in ("safety_identifier", "prompt_cache_key"):
        rule(body.get(name) is None or len(body[name]) <= 64, f"Invalid '{name}': string too long. Expected a string with maximum length 64", name)
    rule(body.get("stream") or not body.get("stream_options"), "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    rule(not body.get("metadata") or body.get("store"), "The 'metadata' parameter is only allowed when 'store' is enabled.", "metadata")
    metadata(body)


def metadata(body):
    notes = body.get("metadata") or {}
    rule(len(notes) <= 16 and all(len(key) <= 64 and len(value) <= 512 for key, value in notes.items()), "Invalid 'metadata'", "metadata")


def _tools(body):
    offered = body.get("tools")
    rule(offered != [], "Invalid 'tools': empty array. Expected an array with minimum length 1", "tools")
    rule(len(offered or []) <= 128, "Invalid 'tools': array too long. Expected an array with maximum length 128", "tools")
    for name in ("tool_choice", "parallel_tool_calls"):
        rule(offered or body.get(name) is None, f"'{name}' is only allowed when 'tools' are specified.", name)
    tools = {}
    for index, tool in enumerate(offered or []):
        inner = tool[tool["type"]]
        rule(NAME.match(inner["name"]), f"Invalid 'tools[{index}].{tool['type']}.name': string does not match pattern '^[a-zA-Z0-9_-]+$' of at most 64", f"tools[{index}]")
        rule(inner["name"] not in tools, f"Duplicate tool name {inner['name']}", "tools")
        if tool["type"] == "function":
            parameters = inner.get("parameters")
            rule(parameters is None or parameters.get("type", "object") == "object", f"Invalid schema for function '{inner['name']}': schema must be a JSON Schema of 'type: \"object\"'", "tools")
            if inner.get("strict"):
                strict(parameters or {}, inner["name"], parameters)
        tools[inner["name"]] = (inner["name"], tool["type"] == "custom", None)
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] in ("function", "custom"):
        rule(choice[choice["type"]]["name"] in tools, "Tool choice not found in 'tools'.", "tool_choice")
    return tools


def strict(schema, where, root):
    """What `strict: true` asks of a schema."""
    if not isinstance(schema, dict):
        return
    odd = NEVER_STRICT & set(schema)
    rule(not odd, f"Invalid schema for '{where}': {', '.join(sorted(odd))} is not permitted.", None, "invalid_json_schema")
    if schema is root:
        rule(schema.get("type") == "object", f"Invalid schema for '{where}': schema must have type 'object'.", None, "invalid_json_schema")
    if schema.get("type") == "object" or "properties" in schema:
        rule(schema.get("additionalProperties") is False, f"Invalid schema for '{where}': 'additionalProperties' is required to be supplied and to be false.", None, "invalid_json_schema")
        properties = set(schema.get("properties") or {})
        rule(set(schema.get("required") or []) == properties, f"Invalid schema for '{where}': 'required' is required to be supplied and to be an array including every key in properties.", None, "invalid_json_schema")
    for group in ("properties", "$defs", "definitions"):
        for inner in (schema.get(group) or {}).values():
            strict(inner, where, root)
    for inner in schema.get("anyOf") or []:
        strict(inner, where, root)
    strict(schema.get("items"), where, root)


class _Calls:
    """Calls that wait for their tool messages, which must come before anything else."""

    def __init__(self):
        self.open = set()

    def all_answered(self, where):
        rule(not self.open, f"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages before {where}: {', '.join(sorted(self.open))}", "messages")

    def answered(self, index, one):
        rule(one in self.open, f"Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls' (messages[{index}], {one}).", f"messages[{index}].role")
        self.open.discard(one)


def _told(index, message, calls, conversation, images):
    role, content = message["role"], message.get("content")
    rule(content != [], f"Invalid 'messages[{index}].content': empty array. Expected an array with minimum length 1", "messages")
    if role == "tool":
        calls.answered(index, message["tool_call_id"])
        conversation.append(("result", _texts(content)))
        return
    calls.all_answered(f"messages[{index}]")
    if role == "assistant":
        rule(content is not None or message.get("tool_calls") or message.get("refusal"), f"Invalid value for 'content': expected a string, got null (messages[{index}]).", "messages")
        rule(message.get("tool_calls") != [], f"Invalid 'messages[{index}].tool_calls': empty array.", "messages")
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
            conversation.append(("assistant", part.get("text") or part.get("refusal") or ""))
        if message.get("refusal"):
            conversation.append(("assistant", message["refusal"]))
        for call in message.get("tool_calls") or []:
            inner = call[call["type"]]
            rule(len(call["id"]) <= 40, f"Invalid 'messages[{index}].tool_calls[0].id': string too long. Expected a string with maximum length 40", "messages")
            rule(NAME.match(inner["name"]), f"Invalid 'messages[{index}].tool_calls[0].function.name': string does not match pattern.", "messages")
            if call["type"] == "function":
                json.loads(inner["arguments"])
            calls.open.add(call["id"])
            conversation.append(("call", f"{inner['name']} {inner.get('arguments', inner.get('input'))}"))
        return
    who = "system" if role in ("system", "developer") else role
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        if part["type"] == "text":
            conversation.append((who, part["text"]))
        elif part["type"] == "image_url":
            url = part["image_url"]["url"]
            images.append(data_url(url) if url.startswith("data:") else url)
            conversation.append(("image", images[-1]))
        elif part["type"] == "file":
            rule("file_data" in part["file"] and "filename" in part["file"], "file_data needs a filename", "messages")
            images.append(data_url(part["file"]["file_data"]))
            conversation.append(("image", images[-1]))
        else:
            refuse(f"{part['type']} is not known to this provider", "messages")


def _texts(content):
    return content if isinstance(content, str) else " ".join(part["text"] for part in content)


# ---- answers -----------------------------------------------------------------------------------------------

STOPS = {"end": "stop", "tools": "tool_calls", "length": "length", "stop_sequence": "stop", "refusal": "stop"}


def _usage(plan):
    prompt = USAGE["input"] + USAGE["cache_read"] + USAGE["cache_write"]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": USAGE["output"],
        "total_tokens": prompt + USAGE["output"],
        "prompt_tokens_details": {"cached_tokens": USAGE["cache_read"], "cache_write_tokens": USAGE["cache_write"], "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": _reasoning(plan), "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    }


def _reasoning(plan):
    return plan.reasoning


def _head(ask, kind):
    return {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "object": kind, "created": int(time.time()), "model": ask.model, "service_tier": "default", "system_fingerprint": None}


def _text_of(plan, kind):
    texts = [part.text for part in plan.parts if part.kind == kind]
    return "".join(texts) if texts else None


def _call(part, model):
    if part.custom:
        return {"id": f"call_{part.id}", "type": "custom", "custom": {"name": part.name, "input": part.text}}
    return {"id": makers.call_id(model, part.id), "type": "function", "function": {"name": part.name, "arguments": part.text}}


def whole(ask, plan, body, beta=False):
    message = {"role": "assistant", "content": _text_of(plan, "text"), "refusal": _text_of(plan, "refusal"), "annotations": []}
    calls = [_call(part, ask.model) for part in plan.parts if part.kind == "call"]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": STOPS[plan.stop]}
    answer = checked(ChatCompletion, {**_head(ask, "chat.completion"), "choices": [choice], "usage": _usage(plan)})
    thought = _text_of(plan, "thought")
    signature = makers.attach(ask.model, thought, calls)
    if signature:
        calls[0]["extra_content"] = signature
    if thought and makers.thinking_delta(ask.model, thought):
        told = makers.thinking_delta(ask.model, thought)
        if told["content"]:
            told["content"] += [{"type": "text", "text": message["content"]}] if message["content"] else []
        message.update({name: value for name, value in told.items() if value is not None})
    return answer


def stream(ask, plan, body, beta=False):
    """Chunks as (no name, data); `[DONE]` is the writer's."""
    head, asks_usage = _head(ask, "chat.completion.chunk"), (body.get("stream_options") or {}).get("include_usage")
    usage = {"usage": None} if asks_usage else {}

    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], **usage}

    thought, whole_calls = _text_of(plan, "thought"), [_call(part, ask.model) for part in plan.parts if part.kind == "call"]
    signature = makers.attach(ask.model, thought, whole_calls)
    events, calls = [chunk({"role": "assistant", "content": "", "refusal": None})], 0
    for part in plan.parts:
        if part.kind in ("text", "refusal"):
            events += [chunk({"content" if part.kind == "text" else "refusal": piece}) for piece in pieces(part.text, 7)]
        elif part.kind == "call":
            call = _call(part, ask.model)
            inner = call[call["type"]]
            field = "input" if part.custom else "arguments"
            events.append(chunk({"tool_calls": [{"index": calls, **call, call["type"]: {**inner, field: ""}}]}))
            for piece in pieces(part.text, 5):
                events.append(chunk({"tool_calls": [{"index": calls, call["type"]: {field: piece}}]}))
            calls += 1
    if not plan.breaks and plan.stream_error is None:
        events.append(chunk({}, STOPS[plan.stop]))
        if asks_usage:
            events.append({**head, "choices": [], "usage": _usage(plan)})
    if not any(part.custom for part in plan.parts):
        events = [checked(ChatCompletionChunk, event) for event in events]
    if signature:
        first = next(event for event in events if event["choices"] and event["choices"][0]["delta"].get("tool_calls"))
        first["choices"][0]["delta"]["tool_calls"][0]["extra_content"] = signature
    if thought and makers.thinking_delta(ask.model, thought):
        events[1:1] = [chunk(makers.thinking_delta(ask.model, piece)) for piece in pieces(thought, 7)]
    if plan.stream_error is not None:
        events.append({"error": {"message": plan.stream_error, "type": "server_error", "param": None, "code": None}})
    return [(None, event) for event in events]


def error(refusal):
    kind = refusal.kind or {401: "invalid_request_error", 429: "rate_limit_error"}.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "server_error")
    code = refusal.code or {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}.get(refusal.status)
    return {"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}}
