"""What makers beside OpenAI attach to their answers in Chat Completions, and want to see again with the calls they made.

DeepSeek and Kimi: `reasoning_content`. Mistral: thinking in parts of the content, and ids of nine letters and digits. Gemini:
`extra_content` with a `thought_signature` on the first call of a turn.
"""

import copy
import re

from published import rule
from script import seal

MAKERS = {"deepseek": "reasoning_content", "kimi": "reasoning_content", "magistral": "content", "gemini": "extra_content"}
# What was attached, by the call it came with.
ATTACHED = {}


def maker(model):
    return next((name for name in MAKERS if model.startswith(name)), None)


def returned(body):
    """The body without what came back, which must be what was attached."""
    kind = MAKERS.get(maker(body["model"]))
    if kind is None:
        return body
    body = copy.deepcopy(body)
    for message in body["messages"]:
        if message["role"] == "tool" and maker(body["model"]) == "magistral":
            rule(re.fullmatch(r"[a-zA-Z0-9]{9}", message["tool_call_id"]), f"Tool call id was {message['tool_call_id']} but must be a-z, A-Z, 0-9, with a length of 9.")
        if message["role"] == "assistant":
            found = _taken(kind, message)
            for call in message.get("tool_calls") or []:
                wanted = ATTACHED.get((maker(body["model"]), call["id"]))
                own = call.pop("extra_content", None) if kind == "extra_content" else found
                own = (own.strip() or None) if isinstance(own, str) else own
                rule(own == wanted, f"The {kind} in the thinking mode must be passed back to the API: {own!r} is not {wanted!r}")
    return body


def _taken(kind, message):
    if kind == "reasoning_content":
        return message.pop("reasoning_content", None)
    if kind == "content" and isinstance(message.get("content"), list):
        thoughts = [part for part in message["content"] if part["type"] == "thinking"]
        message["content"] = [part for part in message["content"] if part["type"] != "thinking"] or None
        return "".join(text["text"] for part in thoughts for text in part["thinking"]) or None
    return None


def call_id(model, one):
    return one[:9] if maker(model) == "magistral" else f"call_{one}"


def attach(model, thought, calls):
    """Notes what belongs to these calls; gives what is put on the first of them."""
    kind = MAKERS.get(maker(model))
    signature = {"google": {"thought_signature": seal("gemini", calls[0]["id"])}} if calls and kind == "extra_content" else None
    for number, call in enumerate(calls):
        ATTACHED[maker(model), call["id"]] = (signature if number == 0 else None) if kind == "extra_content" else thought
    return signature


def thinking_delta(model, text):
    """A piece of thinking as this maker writes it; Gemini's is hidden."""
    kind = MAKERS.get(maker(model))
    if kind == "reasoning_content":
        return {"content": None, "reasoning_content": text}
    if kind == "content":
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
    return None
