"""Anthropic's Messages API: its rules beyond the types, and its answers."""

import re
import uuid

from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent

from published import Refusal, check_request, checked, refuse, rule
from script import USAGE, Ask, data_url, picture, pieces, seal, unseal

ID = re.compile(r"^[a-zA-Z0-9_-]+$")
TOOL = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
# What the models since Opus 4.7 no longer take is a matter of their names.
SAMPLES = re.compile(r"claude-(2|3|instant|opus-4-[0-6]|opus-4-20|sonnet-4|haiku-4)")
ONE_SAMPLING = re.compile(r"claude-(opus-4-[1-9]|sonnet-4-[5-9]|haiku-4-[5-9])")
BUDGETS = re.compile(r"claude-(3-7|opus-4-[0-6]|opus-4-20|sonnet-4|haiku-4)")
ADAPTS = re.compile(r"claude-(opus-4-[6-9]|sonnet-4-6|(opus|sonnet|haiku|fable|mythos)-[5-9])")
PREFILLS = re.compile(r"claude-(2|3|opus-4-[0-5]|opus-4-20|sonnet-4-[0-5]|sonnet-4-20|haiku-4)")
SYSTEM_TURNS = re.compile(r"claude-(opus-4-[89]|(opus|sonnet|haiku|fable|mythos)-[5-9])")
NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems"}


def read(body, headers):
    """The ask, when the body holds to the types and the rules."""
    version = headers.get("anthropic-version")
    rule(version in ("2023-06-01", "2026-10-21"), "anthropic-version: header is required")
    sampling = {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body}
    beta = bool(headers.get("anthropic-beta"))
    check_request("messages beta" if beta else "messages", {name: body[name] for name in body if name not in sampling})
    for name in ("betas", "user_profile_id", "workspace_id"):
        rule(name not in body, f"{name}: Extra inputs are not permitted")
    thread = body.get("thread")
    body = _threaded(body, headers) if thread else body
    model = body["model"]
    _sampling(sampling, version, model)
    _numbers(body, model)
    messages = _merged(body["messages"])
    calls = _turns(messages, model)
    _tools(body, beta)
    thinking = _thinking(body, messages, sampling, model)
    output = (body.get("output_config") or {}).get("format")
    if output:
        _closed(output["schema"], "output_config.format.schema")
    conversation, images = [], []
    for block in _blocks(body.get("system") or []):
        conversation.append(("system", block["text"]))
    for message in messages:
        for block in message["content"]:
            _told(block, message["role"], conversation, images, calls)
    return Ask(
        model=model,
        stream=bool(body.get("stream")),
        conversation=conversation,
        images=images,
        tools={tool["name"]: (tool["name"], False, None) for tool in body.get("tools", []) if "input_schema" in tool},
        thinks=thinking in ("enabled", "adaptive"),
        max_tokens=body["max_tokens"],
        stops=list(body.get("stop_sequences") or []),
        schema=output and output["schema"],
        thread={name: body[name] for name in ("messages", "system", "tools") if name in body} if thread else None,
    )


THREADS = {}


def _threaded(body, headers):
    """A request that goes on with a conversation held here, as if it had brought it along."""
    rule("message-threads-2026-08-12" in headers["anthropic-beta"], "thread: Extra inputs are not permitted")
    if body["thread"]["type"] == "create":
        return body
    rule("tools" not in body and "system" not in body, "thread: `system` and `tools` cannot be set when a thread goes on")
    held = THREADS.get(body["thread"]["previous_message_id"])
    if held is None:
        raise Refusal(404, "The thread was not found.", "not_found_error", details={"error_code": "thread_not_found"})
    return {**body, **held, "messages": [*held["messages"], *body["messages"]]}


def _remembered(ask, message):
    if ask.thread:
        said = {"role": "assistant", "content": message["content"]}
        THREADS[message["id"]] = {**ask.thread, "messages": [*ask.thread["messages"], said]}


def _sampling(sampling, version, model):
    for name, value in sampling.items():
        rule(version == "2023-06-01", f"{name}: Extra inputs are not permitted")
        rule(SAMPLES.match(model), f"`{name}` is deprecated for this model.")
        rule(isinstance(value, (int, float)) and not isinstance(value, bool), f"{name}: Input should be a valid number")
        rule(name == "top_k" or 0 <= value <= 1, f"{name}: Input should be less than or equal to 1")
    both = "temperature" in sampling and "top_p" in sampling
    rule(not (both and ONE_SAMPLING.match(model)), "`temperature` and `top_p` cannot both be specified for this model.")


def _numbers(body, model):
    most = 32_000 if re.match(r"claude-opus-4-[012]", model) else 128_000 if ADAPTS.match(model) else 64_000
    rule(1 <= body["max_tokens"] <= most, f"max_tokens: {body['max_tokens']} > {most}, which is the maximum allowed")
    for index, stop in enumerate(body.get("stop_sequences") or []):
        rule(stop.strip(), f"stop_sequences.{index}: each stop sequence must contain non-whitespace")
    user = (body.get("metadata") or {}).get("user_id")
    rule(user is None or len(user) <= 256, "metadata.user_id: String should have at most 256 characters")
    rule(str(body).count("'cache_control': {") <= 4, "A maximum of 4 blocks with cache_control may be provided.")


def _blocks(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _merged(messages):
    """Turns of one role in a row are one turn."""
    rule(messages, "messages: at least one message is required")
    merged = []
    for index, message in enumerate(messages):
        blocks = _blocks(message["content"])
        last = index == len(messages) - 1 and message["role"] == "assistant"
        rule(blocks or last, f"messages.{index}: all messages must have non-empty content except for the optional final assistant message")
        for place, block in enumerate(blocks):
            where = f"messages.{index}.content.{place}"
            rule(block["type"] != "text" or block["text"] != "", f"{where}: text content blocks must be non-empty")
            rule(block["type"] != "text" or block["text"].strip(), f"{where}: text content blocks must contain non-whitespace text")
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1]["content"] += blocks
        else:
            merged.append({"role": message["role"], "content": blocks})
    return merged


def _turns(messages, model):
    """Roles in order, and every call with its result right after it; the calls by their ids."""
    rule(messages[0]["role"] == "user", "messages: first message must use the \"user\" role")
    calls = {}
    for index, message in enumerate(messages):
        before = messages[index - 1] if index else None
        if message["role"] == "system":
            rule(SYSTEM_TURNS.match(model), "role 'system' is not supported on this model")
            rule(before and before["role"] == "user", f"messages.{index}: a system message must directly follow a user message")
        asked = [block["id"] for block in (before or {"content": []})["content"] if block["type"] == "tool_use"]
        given = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        for one in given:
            rule(one in asked, f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {one}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.")
        rule(len(set(given)) == len(given), f"messages.{index}: each tool_use must have a single result")
        lacks = [one for one in asked if one not in given]
        rule(not lacks, f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(lacks)}")
        kinds = [block["type"] == "tool_result" for block in message["content"]]
        rule(kinds == sorted(kinds, reverse=True), f"messages.{index}: `tool_result` blocks must come first")
        for block in message["content"]:
            if block["type"] == "tool_use":
                rule(ID.match(block["id"]), f"messages.{index}.content: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
                rule(TOOL.match(block["name"]), f"messages.{index}.content: tool_use.name: String should match pattern")
                rule(isinstance(block["input"], dict), f"messages.{index}.content: tool_use.input: Input should be a valid dictionary")
                rule(block["id"] not in calls, "messages: `tool_use` ids must be unique")
                calls[block["id"]] = block["name"]
    last = messages[-1]
    if last["role"] == "assistant":
        rule(PREFILLS.match(model), "This model does not support assistant message prefill. The conversation must end with a user message.")
        rule(not any(block["type"] == "tool_use" for block in last["content"]), "messages: `tool_use` ids were found without `tool_result` blocks immediately after")
        rule(last["content"] == [] or not last["content"][-1].get("text", "x").endswith((" ", "\n")), "messages: final assistant content cannot end with trailing whitespace")
    return calls


def _tools(body, beta):
    tools = body.get("tools") or []
    names = [tool["name"] for tool in tools if "name" in tool]
    rule(len(set(names)) == len(names), "tools: Tool names must be unique.")
    for index, tool in enumerate(tools):
        if "input_schema" not in tool:
            continue
        rule(TOOL.match(tool["name"]), f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        schema = tool["input_schema"]
        rule(schema.get("type") == "object", f"tools.{index}.custom.input_schema.type: Field required")
        top = {"oneOf", "anyOf", "allOf"} & set(schema)
        rule(not top, f"tools.{index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level")
        rule(beta or "defer_loading" not in tool or not tool["defer_loading"], f"tools.{index}: defer_loading needs a beta header")
        if tool.get("strict"):
            _closed(schema, f"tools.{index}.custom.input_schema")
    choice = body.get("tool_choice")
    rule(not choice or tools, "tool_choice: Tools must be provided when tool_choice is set")
    if choice and choice["type"] == "tool":
        rule(choice["name"] in names, f"tool_choice.name: Tool '{choice['name']}' not found in provided tools")


def _closed(schema, where):
    """The subset of JSON Schema that structured outputs and strict tools take."""
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        rule(schema.get("additionalProperties") is False, f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    odd = NUMBERS & set(schema)
    rule(not odd, f"{where}: For '{schema.get('type')}' type, properties {', '.join(sorted(odd))} are not supported")
    for group in ("properties", "$defs", "definitions"):
        for name, inner in (schema.get(group) or {}).items():
            _closed(inner, f"{where}.{group}.{name}")
    for group in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(group) or []:
            _closed(inner, f"{where}.{group}")
    _closed(schema.get("items"), f"{where}.items")


def _thinking(body, messages, sampling, model):
    config = body.get("thinking") or {}
    kind = config.get("type")
    if kind == "enabled":
        rule(BUDGETS.match(model), '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.')
        rule(config["budget_tokens"] >= 1024, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        rule(config["budget_tokens"] < body["max_tokens"], "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if kind == "adaptive":
        rule(ADAPTS.match(model), "adaptive thinking is not supported on this model")
    if (body.get("output_config") or {}).get("effort") is not None:
        rule(ADAPTS.match(model) or model.startswith("claude-opus-4-5"), "This model does not support the effort parameter.")
    if kind in ("enabled", "adaptive"):
        forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
        rule(not forced, "Thinking may not be enabled when tool_choice forces tool use.")
        rule(sampling.get("temperature", 1) == 1, "`temperature` may only be set to 1 when thinking is enabled.")
        rule(sampling.get("top_p", 1) >= 0.95, "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
        rule("top_k" not in sampling, "`top_k` must be unset when thinking is enabled.")
    if kind == "enabled":
        _loop_has_thoughts(messages)
    return kind


def _loop_has_thoughts(messages):
    """The turn whose tools were just answered began with a thought, or the model cannot go on."""
    at = len(messages) - 1
    if not any(block["type"] == "tool_result" for block in messages[at]["content"]):
        return
    while at > 0 and (messages[at]["role"] != "user" or any(block["type"] == "tool_result" for block in messages[at]["content"])):
        at -= 1
    first = next(message for message in messages[at + 1 :] if message["role"] == "assistant")["content"][0]["type"]
    rule(first in ("thinking", "redacted_thinking"), f"messages.{at + 1}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).")


def _told(block, role, conversation, images, calls):
    kind = block["type"]
    if kind == "text":
        conversation.append((role, block["text"]))
    elif kind == "thinking":
        rule(role == "assistant" and unseal("thinking", block["signature"]) == block["thinking"], "messages.content.0: Invalid `signature` in `thinking` block")
        conversation.append(("thought", block["thinking"]))
    elif kind == "redacted_thinking":
        rule(unseal("redacted", block["data"]) is not None, "messages.content.0: Invalid `data` in `redacted_thinking` block")
        conversation.append(("thought", "redacted"))
    elif kind == "tool_use":
        conversation.append(("call", f"{block['name']} {block['input']}"))
    elif kind == "tool_result":
        texts = []
        for part in _blocks(block.get("content") or []):
            rule(part["type"] != "text" or part["text"], "messages: text content blocks must be non-empty")
            if part["type"] == "text":
                texts.append(part["text"])
            elif part["type"] in ("image", "document"):
                texts.append(_image(part, images))
        conversation.append(("result", ("error: " if block.get("is_error") else "") + " ".join(texts)))
    elif kind in ("image", "document"):
        conversation.append(("image", _image(block, images)))
    elif kind not in ("server_tool_use", "search_result", "tool_reference"):
        refuse(f"{kind}: not known to this provider")


def _image(block, images):
    source = block["source"]
    if source["type"] == "base64":
        told = picture(source["data"], source["media_type"])
    elif source["type"] == "url":
        told = source["url"]
        rule(not told.startswith("data:"), "source.url: only http(s) URLs")
    elif source["type"] == "text":
        told = f"text/plain {len(source['data'].encode())} bytes"
    else:
        refuse(f"source {source['type']} is not known to this provider")
    images.append(told)
    return told


# ---- answers -----------------------------------------------------------------------------------------------

STOPS = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "stop_sequence": "stop_sequence", "refusal": "refusal"}


def _usage(plan):
    return {
        "input_tokens": USAGE["input"],
        "cache_read_input_tokens": USAGE["cache_read"],
        "cache_creation_input_tokens": USAGE["cache_write"],
        "cache_creation": {"ephemeral_5m_input_tokens": USAGE["cache_write"], "ephemeral_1h_input_tokens": 0},
        "output_tokens": USAGE["output"],
        "output_tokens_details": {"thinking_tokens": plan.reasoning},
        "service_tier": "standard",
    }


def _answer_blocks(plan, body):
    import json

    omitted = (body.get("thinking") or {}).get("display") == "omitted"
    blocks = []
    for part in plan.parts:
        if part.kind == "thought":
            words = "" if omitted else part.text
            blocks.append({"type": "thinking", "thinking": words, "signature": seal("thinking", words)})
        elif part.kind == "redacted":
            blocks.append({"type": "redacted_thinking", "data": seal("redacted", part.text)})
        elif part.kind in ("text", "refusal"):
            blocks.append({"type": "text", "text": part.text, "citations": None})
        else:
            blocks.append({"type": "tool_use", "id": f"toolu_{part.id}", "name": part.name, "input": json.loads(part.text), "caller": {"type": "direct"}})
    return blocks


def _head(ask):
    return {"id": f"msg_{uuid.uuid4().hex[:24]}", "type": "message", "role": "assistant", "model": ask.model}


def whole(ask, plan, body, beta=False):
    message = {
        **_head(ask),
        "content": _answer_blocks(plan, body),
        "stop_reason": STOPS[plan.stop],
        "stop_sequence": plan.stopped_at,
        "usage": _usage(plan),
    }
    _remembered(ask, message)
    return checked(BetaMessage if beta else Message, message)


def stream(ask, plan, body, beta=False):
    """Events as (name, data)."""
    head, blocks = _head(ask), _answer_blocks(plan, body)
    _remembered(ask, {**head, "content": blocks})
    events = [{"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**_usage(plan), "output_tokens": 1, "output_tokens_details": None}}}, {"type": "ping"}]
    for index, (block, part) in enumerate(zip(blocks, plan.parts)):
        events += _block_events(index, block, part)
    if plan.breaks:
        return [(event["type"], event) for event in _legal(events, beta)]
    if plan.stream_error is not None:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": plan.stream_error}, "request_id": "req_provider"}
        return [*((event["type"], event) for event in _legal(events, beta)), ("error", error)]
    usage = {name: value for name, value in _usage(plan).items() if name not in ("cache_creation", "service_tier")}
    events.append({"type": "message_delta", "delta": {"stop_reason": STOPS[plan.stop], "stop_sequence": plan.stopped_at}, "usage": usage})
    events.append({"type": "message_stop"})
    return [(event["type"], event) for event in _legal(events, beta)]


def _legal(events, beta):
    for event in events:
        if event["type"] != "ping":
            checked(BetaRawMessageStreamEvent if beta else RawMessageStreamEvent, event)
    return events


def _block_events(index, block, part):
    kind = block["type"]
    if kind == "text":
        start, deltas = {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(block["text"], 7)]
    elif kind == "thinking":
        start = {**block, "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"], 7)]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind == "tool_use":
        text = "" if part.text == "{}" else part.text
        start, deltas = {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(text, 5)]]
    else:
        start, deltas = block, []
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


ERRORS = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error"}


def error(refusal):
    kind = refusal.kind or ERRORS.get(refusal.status, "api_error")
    details = {"details": refusal.details} if refusal.details else {}
    return {"type": "error", "error": {"type": kind, "message": refusal.message, **details}, "request_id": "req_provider"}
