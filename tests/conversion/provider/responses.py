"""OpenAI's Responses API, without storage: its rules beyond the types, and its answers."""

import json
import re
import time
import uuid

from openai.types.responses import Response, ResponseStreamEvent

from chat import NAME, OPENAI, REASONS, metadata, strict
from published import Refusal, check_request, checked, refuse, rule
from script import USAGE, Ask, data_url, pieces, seal, unseal

PREFIXES = {"reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc", "message": "msg"}


def read(body, headers):
    """The ask, when the body holds to the types and the rules."""
    check_request("responses", _as_published(body, headers))
    model = body.get("model") or refuse("Missing required parameter: 'model'.", "model")
    rule(body.get("input") not in (None, "", []), "Missing required parameter: 'input'.", "input")
    for name in ("previous_response_id", "conversation", "background", "prompt"):
        rule(not body.get(name), f"'{name}': nothing is stored here.", name)
    reasons = bool(REASONS.match(model))
    _model_takes(body, reasons)
    _limits(body)
    tools = _tools(body)
    conversation, images = [], []
    if body.get("instructions"):
        conversation.append(("system", body["instructions"]))
    items = body["input"]
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items
    _paired(items)
    for index, item in enumerate(items):
        _told(index, item, conversation, images)
    format_ = (body.get("text") or {}).get("format") or {"type": "text"}
    schema = None
    if format_["type"] == "json_schema":
        schema = format_["schema"]
        rule(NAME.match(format_["name"]), "Invalid 'text.format.name'", "text.format.name")
        if format_.get("strict"):
            strict(schema, "text.format", schema)
    elif format_["type"] == "json_object":
        rule("json" in json.dumps(items).lower(), "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.", "input")
        schema = {"type": "object"}
    return Ask(
        model=model,
        stream=bool(body.get("stream")),
        conversation=conversation,
        images=images,
        tools=tools,
        thinks=reasons and (body.get("reasoning") or {}).get("effort") != "none",
        max_tokens=body.get("max_output_tokens"),
        schema=schema,
    )


def _as_published(body, headers):
    """Codex sends what the API takes from it and the SDK does not publish."""
    if not headers.get("user-agent", "").startswith("codex"):
        return body
    body = {name: value for name, value in body.items() if name != "client_metadata"}
    body["tools"] = [{name: tool[name] for name in tool if name != "search_content_types"} for tool in body.get("tools") or []]
    items = body.get("input")
    if isinstance(items, list):
        body["input"] = [_item_as_published(item) for item in items]
    return body


def _item_as_published(item):
    if item.get("type") == "message" and item.get("role") != "assistant":
        return {name: value for name, value in item.items() if name != "id"}
    if item.get("type") == "reasoning":
        return {name: value for name, value in item.items() if value is not None}
    if item.get("type") == "message":
        return {"status": "completed", **item, "content": [{"annotations": [], **part} for part in item["content"]]}
    return item


def _model_takes(body, reasons):
    if not reasons:
        rule(not (body.get("reasoning") or {}).get("effort"), "Unsupported parameter: 'reasoning.effort' is not supported with this model.", "reasoning.effort", "unsupported_parameter")
        rule("reasoning.encrypted_content" not in (body.get("include") or []), "Encrypted content is not supported with this model.", "include")
    elif OPENAI.match(body["model"]):
        for name in ("temperature", "top_p"):
            rule(body.get(name) in (None, 1), f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")


def _limits(body):
    most = body.get("max_output_tokens")
    rule(most is None or most >= 16, "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16", "max_output_tokens")
    for name in ("safety_identifier", "prompt_cache_key"):
        rule(body.get(name) is None or len(body[name]) <= 64, f"Invalid '{name}': string too long. Expected a string with maximum length 64", name)
    for name, top in (("temperature", 2), ("top_p", 1)):
        rule(body.get(name) is None or 0 <= body[name] <= top, f"Invalid '{name}': decimal above maximum value.", name)
    rule(body.get("stream") or not body.get("stream_options"), "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    metadata(body)


def _tools(body):
    offered, tools = list(body.get("tools") or []), {}
    items = body["input"] if isinstance(body["input"], list) else []
    for item in items:
        offered += item["tools"] if item.get("type") == "additional_tools" else []
    flat = [(tool, None) for tool in offered if tool["type"] != "namespace"]
    flat += [(inner, tool["name"]) for tool in offered if tool["type"] == "namespace" for inner in tool["tools"]]
    for index, (tool, namespace) in enumerate(flat):
        if tool["type"] not in ("function", "custom"):
            continue
        rule(NAME.match(tool["name"]), f"Invalid 'tools[{index}].name': string does not match pattern '^[a-zA-Z0-9_-]+$'.", f"tools[{index}].name")
        full = f"{namespace}.{tool['name']}" if namespace else tool["name"]
        rule(full not in tools, f"Duplicate tool name {full}", "tools")
        if tool["type"] == "function" and tool.get("strict"):
            strict(tool["parameters"] or {}, tool["name"], tool["parameters"])
        tools[full] = (tool["name"], tool["type"] == "custom", namespace)
    choice = body.get("tool_choice")
    rule(offered or not isinstance(choice, dict), "Tool choice without 'tools'.", "tool_choice")
    if isinstance(choice, dict) and choice["type"] in ("function", "custom"):
        rule(any(choice["name"] == name for name, _, _ in tools.values()), f"Tool choice '{choice['name']}' not found in 'tools' parameter.", "tool_choice")
    return tools


def _paired(items):
    calls = [item["call_id"] for item in items if item.get("type") in ("function_call", "custom_tool_call")]
    outputs = [item["call_id"] for item in items if item.get("type") in ("function_call_output", "custom_tool_call_output")]
    seen = set()
    for item in items:
        if item.get("type") in ("function_call", "custom_tool_call"):
            seen.add(item["call_id"])
        elif item.get("type") in ("function_call_output", "custom_tool_call_output"):
            rule(item["call_id"] in seen, f"No tool call found for function call output with call_id {item['call_id']}.", "input")
    for call in calls:
        rule(call in outputs, f"No tool output found for function call {call}.", "input")
    rule(len(set(calls)) == len(calls), "Duplicate call_id.", "input")


def _told(index, item, conversation, images):
    kind = item.get("type", "message")
    one = item.get("id")
    if one is not None and kind in PREFIXES:
        rule(one.startswith(PREFIXES[kind] + "_") and len(one) <= 64, f"Invalid 'input[{index}].id': '{one}'. Expected an ID that begins with '{PREFIXES[kind]}'.", f"input[{index}].id")
    if kind == "message":
        _message(index, item, conversation, images)
    elif kind == "reasoning":
        sealed = item.get("encrypted_content")
        rule(sealed is not None, f"Item with id '{one}' not found. Items are not persisted when `store` is set to false.", "input")
        text = unseal("reasoning", sealed)
        if text is None:
            raise Refusal(400, f"The encrypted content for item {one} could not be verified. Reason: Encrypted content could not be decrypted or parsed.", "invalid_request_error", "input", "invalid_encrypted_content")
        conversation.append(("thought", text))
    elif kind == "function_call":
        rule(NAME.match(item["name"]), f"Invalid 'input[{index}].name': string does not match pattern.", f"input[{index}].name")
        rule(len(item["call_id"]) <= 64, f"Invalid 'input[{index}].call_id': string too long.", f"input[{index}].call_id")
        conversation.append(("call", f"{item['name']} {json.loads(item['arguments'])}"))
    elif kind == "additional_tools":
        pass
    elif kind == "custom_tool_call":
        conversation.append(("call", f"{item['name']} {item['input']}"))
    elif kind in ("function_call_output", "custom_tool_call_output"):
        output, texts = item["output"], []
        for part in [{"type": "input_text", "text": output}] if isinstance(output, str) else output:
            texts.append(part["text"] if part["type"] == "input_text" else _image(part, images))
        conversation.append(("result", " ".join(texts)))
    else:
        refuse(f"input[{index}]: {kind} is not known to this provider", f"input[{index}]")


def _message(index, item, conversation, images):
    role, content = item["role"], item["content"]
    who = "system" if role in ("system", "developer") else role
    rule(content != [], f"Invalid 'input[{index}].content': empty array.", f"input[{index}].content")
    text_type = "output_text" if role == "assistant" else "input_text"
    for part in [{"type": text_type, "text": content}] if isinstance(content, str) else content:
        if role == "assistant":
            rule(part["type"] in ("output_text", "refusal"), f"Invalid value: '{part['type']}'. Supported values are: 'output_text' and 'refusal'.", f"input[{index}].content")
            conversation.append((who, part.get("text") or part.get("refusal") or ""))
            continue
        rule(part["type"] in ("input_text", "input_image", "input_file"), f"Invalid value: '{part['type']}'.", f"input[{index}].content")
        if part["type"] == "input_text":
            conversation.append((who, part["text"]))
        else:
            conversation.append(("image", _image(part, images)))


def _image(part, images):
    if part["type"] == "input_image":
        url = part.get("image_url") or refuse("no image_url", "input")
        told = data_url(url) if url.startswith("data:") else url
    elif part.get("file_data"):
        rule(part.get("filename"), "file_data needs a filename", "input")
        told = data_url(part["file_data"])
    else:
        told = part.get("file_url") or refuse("no file", "input")
    images.append(told)
    return told


# ---- answers -----------------------------------------------------------------------------------------------


def _usage(plan):
    prompt = USAGE["input"] + USAGE["cache_read"] + USAGE["cache_write"]
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": USAGE["cache_read"], "cache_write_tokens": USAGE["cache_write"]},
        "output_tokens": USAGE["output"],
        "output_tokens_details": {"reasoning_tokens": plan.reasoning},
        "total_tokens": prompt + USAGE["output"],
    }


def _items(plan, body):
    """The output items in their order; text and refusal that follow each other share a message."""
    shown = (body.get("reasoning") or {}).get("summary")
    sealed = "reasoning.encrypted_content" in (body.get("include") or [])
    items = []
    for part in plan.parts:
        one = uuid.uuid4().hex
        if part.kind in ("thought", "redacted"):
            summary = [{"type": "summary_text", "text": part.text}] if shown and part.kind == "thought" else []
            items.append({"type": "reasoning", "id": f"rs_{one}", "summary": summary, **({"encrypted_content": seal("reasoning", part.text)} if sealed else {})})
        elif part.kind == "call" and part.custom:
            items.append({"type": "custom_tool_call", "id": f"ctc_{one}", "call_id": f"call_{part.id}", "name": part.name, "input": part.text, **_space(part)})
        elif part.kind == "call":
            items.append({"type": "function_call", "id": f"fc_{one}", "call_id": f"call_{part.id}", "name": part.name, "arguments": part.text, "status": "completed", **_space(part)})
        else:
            content = {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []} if part.kind == "text" else {"type": "refusal", "refusal": part.text}
            if items and items[-1]["type"] == "message":
                items[-1]["content"].append(content)
            else:
                items.append({"type": "message", "id": f"msg_{one}", "role": "assistant", "status": "completed", "content": [content]})
    if plan.stop == "length" and items:
        items[-1]["status"] = "incomplete"
    return items


def _space(part):
    return {"namespace": part.namespace} if part.namespace else {}


def _head(ask, body):
    """What every state of the response repeats of the request."""
    format_ = (body.get("text") or {}).get("format") or {"type": "text"}
    return {
        "id": f"resp_{uuid.uuid4().hex}", "object": "response", "created_at": int(time.time()), "model": ask.model,
        "status": "in_progress", "error": None, "incomplete_details": None, "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"), "metadata": body.get("metadata") or {}, "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True), "previous_response_id": None,
        "reasoning": {"effort": (body.get("reasoning") or {}).get("effort"), "summary": (body.get("reasoning") or {}).get("summary")},
        "service_tier": "default", "temperature": 1.0, "text": {"format": format_}, "tool_choice": body.get("tool_choice") or "auto",
        "tools": [tool for tool in body.get("tools") or [] if tool["type"] == "function"], "top_p": 1.0, "truncation": "disabled", "usage": None,
    }


def _end(plan):
    if plan.stop == "length":
        return {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return {"status": "completed"}


def whole(ask, plan, body, beta=False):
    answer = {**_head(ask, body), **_end(plan), "output": _items(plan, body), "usage": _usage(plan)}
    return checked(Response, answer)


def stream(ask, plan, body, beta=False):
    """Events as (name, data)."""
    head, items, events = _head(ask, body), _items(plan, body), []

    def tell(kind, **more):
        events.append({"type": kind, "sequence_number": len(events), **more})

    tell("response.created", response=head)
    tell("response.in_progress", response=head)
    for index, item in enumerate(items):
        tell("response.output_item.added", output_index=index, item=_begun(item))
        _inside(item, index, tell)
        tell("response.output_item.done", output_index=index, item=item)
    if plan.stream_error is not None:
        tell("error", code="server_error", message=plan.stream_error, param=None)
        failed = {**head, "status": "failed", "error": {"code": "server_error", "message": plan.stream_error}}
        tell("response.failed", response=failed)
    elif not plan.breaks:
        end = _end(plan)
        tell(f"response.{end['status']}", response={**head, **end, "output": items, "usage": _usage(plan)})
    for event in events:
        checked(ResponseStreamEvent, event)
    return [(event["type"], event) for event in events]


def _begun(item):
    kind = item["type"]
    if kind == "reasoning":
        return {**item, "summary": [], **({"encrypted_content": ""} if "encrypted_content" in item else {})}
    if kind == "message":
        return {**item, "content": [], "status": "in_progress"}
    field = "input" if kind == "custom_tool_call" else "arguments"
    return {**item, field: "", **({"status": "in_progress"} if "status" in item else {})}


def _inside(item, index, tell):
    kind, place = item["type"], {"item_id": item["id"], "output_index": index}
    if kind == "reasoning":
        for at, part in enumerate(item["summary"]):
            tell("response.reasoning_summary_part.added", **place, summary_index=at, part={"type": "summary_text", "text": ""})
            for piece in pieces(part["text"], 7):
                tell("response.reasoning_summary_text.delta", **place, summary_index=at, delta=piece)
            tell("response.reasoning_summary_text.done", **place, summary_index=at, text=part["text"])
            tell("response.reasoning_summary_part.done", **place, summary_index=at, part=part)
    elif kind == "message":
        for at, part in enumerate(item["content"]):
            _content(part, {**place, "content_index": at}, tell)
    else:
        field, event = ("input", "custom_tool_call_input") if kind == "custom_tool_call" else ("arguments", "function_call_arguments")
        for piece in pieces(item[field], 5):
            tell(f"response.{event}.delta", **place, delta=piece)
        named = {} if kind == "custom_tool_call" else {"name": item["name"]}
        tell(f"response.{event}.done", **place, **named, **{field: item[field]})


def _content(part, place, tell):
    if part["type"] == "refusal":
        tell("response.content_part.added", **place, part={**part, "refusal": ""})
        for piece in pieces(part["refusal"], 7):
            tell("response.refusal.delta", **place, delta=piece)
        tell("response.refusal.done", **place, refusal=part["refusal"])
    else:
        tell("response.content_part.added", **place, part={**part, "text": ""})
        for piece in pieces(part["text"], 7):
            tell("response.output_text.delta", **place, delta=piece, logprobs=[])
        tell("response.output_text.done", **place, text=part["text"], logprobs=[])
    tell("response.content_part.done", **place, part=part)


def error(refusal):
    from chat import error as of_chat

    return of_chat(refusal)
