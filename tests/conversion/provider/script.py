"""What the provider says: read from the prompt itself, which survives every conversion.

A prompt may hold a script between `<<<` and `>>>`: one order a line, turns of the same prompt apart by `---`
(the turn after the first tool results is the second). Without a script the answer is a greeting.

    think TEXT | redacted             a thought, when thinking was asked for
    say TEXT | report | describe | recall | json
                                      text: given, of the tool results, of the images, of the conversation, to the schema
    call TOOL JSON                    a tool call; several make parallel calls
    refuse TEXT                       a refusal
    fail STATUS TEXT | empty          an error, or 200 and nothing
    break | streamfail TEXT           the connection dies here, or an error event comes
    sse crlf|nospace|comments|dribble|joined|endless
                                      how the stream is written: the last without the event that only ends it
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import uuid

from published import Refusal, refuse

USAGE = {"input": 100, "cache_read": 40, "cache_write": 20, "output": 30, "reasoning": 12}
GREETING = "say Hello there."


@dataclasses.dataclass
class Part:
    kind: str  # thought, redacted, text, refusal, call
    text: str = ""  # words, or a call's arguments
    name: str = ""
    id: str = ""
    custom: bool = False
    namespace: str | None = None


@dataclasses.dataclass
class Ask:
    """What the script can depend on, the same for every protocol."""

    model: str
    stream: bool
    conversation: list  # (who, text) in order: system, user, assistant, call, result
    images: list = dataclasses.field(default_factory=list)  # "image/png 70 bytes"
    tools: dict = dataclasses.field(default_factory=dict)  # name: (wire name, is custom, namespace)
    thinks: bool = False
    max_tokens: int | None = None
    stops: list = dataclasses.field(default_factory=list)
    schema: dict | None = None
    thread: dict | None = None  # what a server-held conversation goes on from


@dataclasses.dataclass
class Plan:
    parts: list
    stop: str = "end"  # end, tools, length, stop_sequence, refusal
    stopped_at: str | None = None
    sse: list = dataclasses.field(default_factory=list)
    breaks: bool = False
    stream_error: str | None = None
    empty: bool = False

    @property
    def reasoning(self):
        return USAGE["reasoning"] if any(part.kind in ("thought", "redacted") for part in self.parts) else 0


def plan(ask: Ask) -> Plan:
    made = Plan([])
    for line in _turn(ask):
        order, _, rest = line.strip().partition(" ")
        if order == "call":
            made.parts.append(_call(ask, rest))
        elif order in ("think", "redacted"):
            if ask.thinks:
                made.parts.append(Part("thought" if order == "think" else "redacted", rest))
        elif order == "refuse":
            made.parts.append(Part("refusal", rest))
            made.stop = "refusal"
        elif order == "fail":
            status, _, message = rest.partition(" ")
            raise Refusal(int(status), message)
        elif order == "sse":
            made.sse.append(rest)
        elif order == "break":
            made.breaks = True
            break
        elif order == "streamfail":
            made.stream_error = rest
            break
        elif order == "empty":
            made.empty = True
        else:
            _say(made, _words(ask, order, rest))
    _ends(made, ask)
    return made


def _turn(ask):
    """The lines for this turn: of the last prompt with a script, by how often tools answered since."""
    at, script = -1, GREETING
    for index, (who, text) in enumerate(ask.conversation):
        if who == "user" and "<<<" in text and ">>>" in text:
            at, script = index, text[text.rindex("<<<") + 3 : text.rindex(">>>")]
    turns = [[line for line in turn.split("\n") if line.strip()] for turn in script.strip().split("\n---\n")]
    since = [who for who, _ in ask.conversation[at + 1 :]]
    done = sum(1 for before, who in zip([None, *since], since) if who == "result" and before != "result")
    return turns[done] if done < len(turns) else ["say The script is at its end."]


def _words(ask, order, rest):
    if order == "say":
        return rest
    if order == "report":
        last = []
        for who, text in reversed(ask.conversation):
            if who == "result":
                last.insert(0, text)
            elif last:
                break
        return "The tool said: " + " | ".join(last)
    if order == "describe":
        return "I see " + (", ".join(ask.images) or "nothing")
    if order == "recall":
        return "\n".join(f"{who}: {_without_script(text)}" for who, text in ask.conversation)
    if order == "json":
        return json.dumps(_fits(ask.schema if ask.schema is not None else {}, ask.schema or {}), ensure_ascii=False)
    refuse(f"the script has no order {order!r}")


def _without_script(text):
    return text[: text.rindex("<<<")].strip() if "<<<" in text else text.strip()


def _say(made, text):
    if made.parts and made.parts[-1].kind == "text":
        made.parts[-1].text += "\n" + text
    else:
        made.parts.append(Part("text", text))


def _call(ask, rest):
    wanted, _, arguments = rest.partition(" ")
    known = [name for name in ask.tools if name == wanted] or [name for name in ask.tools if name.endswith(wanted)]
    if not known:
        return Part("text", f"There is no tool {wanted}, only {', '.join(ask.tools) or 'none'}.")
    name, custom, namespace = ask.tools[known[0]]
    value = json.loads(arguments or "{}")
    text = value["input"] if custom else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Part("call", text, name, uuid.uuid4().hex[:24], custom, namespace)


def _ends(made, ask):
    """Stop sequences and limits cut as the real thing does; a word is a token here."""
    if any(part.kind == "call" for part in made.parts):
        made.stop = "tools"
        return
    for part in made.parts:
        if part.kind != "text":
            continue
        hits = [(part.text.find(stop), stop) for stop in ask.stops if stop in part.text]
        if hits:
            place, made.stopped_at = min(hits)
            part.text, made.stop = part.text[:place], "stop_sequence"
        words = part.text.split(" ")
        if ask.max_tokens is not None and len(words) > ask.max_tokens and ask.schema is None:
            part.text, made.stop, made.stopped_at = " ".join(words[: ask.max_tokens]), "length", None
    made.parts = [part for part in made.parts if part.kind != "text" or part.text]


def _fits(schema, root):
    """A value of this schema: the first choice, one element, every property."""
    if "$ref" in schema:
        place = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        return _fits(place, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return _fits(schema[choice][0], root)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _fits(inner, root) for name, inner in (schema.get("properties") or {}).items()} or {"ok": True}
    if kind == "array":
        return [_fits(schema.get("items") or {"type": "string"}, root)]
    return {"string": "word", "integer": 7, "number": 1.5, "boolean": True, "null": None}[kind]


# ---- seals: signatures and encrypted reasoning that only this provider makes ------------------------------

SECRET = b"the provider's own"


def seal(kind, text):
    payload = base64.b64encode(json.dumps([kind, text]).encode()).decode()
    return f"{payload}.{hashlib.sha256(SECRET + payload.encode()).hexdigest()}/+=="


def unseal(kind, token):
    """The sealed text, or None when this provider did not make the seal."""
    payload, _, mac = str(token).partition(".")
    if not hmac.compare_digest(mac, f"{hashlib.sha256(SECRET + payload.encode()).hexdigest()}/+=="):
        return None
    made, text = json.loads(base64.b64decode(payload))
    return text if made == kind else None


# ---- what arrives ------------------------------------------------------------------------------------------


def picture(data, media):
    """How an image is told of; refuses what is none."""
    try:
        raw = base64.b64decode(data, validate=True)
    except ValueError:
        refuse("Could not process image: not base64")
    starts = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8", "image/gif": b"GIF8", "image/webp": b"RIFF"}
    if media in starts and not raw.startswith(starts[media]):
        refuse(f"The image was specified using the {media} media type, but does not appear to be one")
    if media not in starts and media not in ("application/pdf", "text/plain"):
        refuse(f"unsupported media type {media}")
    return f"{media} {len(raw)} bytes"


def data_url(url):
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        refuse(f"Invalid data URL: {url[:40]}")
    return picture(data, head.removeprefix("data:").removesuffix(";base64"))


def pieces(text, size):
    return [text[at : at + size] for at in range(0, len(text), size)]
