"""Judges golden cases by the types that the official SDKs publish.

usage: published.py FOLDER

Requests must fit the parameters' types with no field too many; answers and events the response types.
"""

import json
import pathlib
import sys
import warnings

import pydantic
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)

warnings.filterwarnings("ignore")
# What the Messages API of 2023-06-01 takes and the newest published type leaves out.
OLDER_MESSAGES = {"temperature", "top_p", "top_k"}
# Fields of other providers that clients of Chat Completions know by convention.
CONVENTIONS = {"reasoning_content", "reasoning_details"}

PARAMS = {
    "messages": (MessageCreateParamsNonStreaming, MessageCreateParamsStreaming),
    "chat_completions": (CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming),
    "responses": (ResponseCreateParamsNonStreaming, ResponseCreateParamsStreaming),
}
ANSWERS = {"messages": Message, "chat_completions": ChatCompletion, "responses": Response}
EVENTS = {"messages": RawMessageStreamEvent, "chat_completions": ChatCompletionChunk, "responses": ResponseStreamEvent}


def adapter(kind, **config):
    return pydantic.TypeAdapter(kind) if not config else pydantic.TypeAdapter(kind, config=pydantic.ConfigDict(**config))


def unknown_fields(given, known, path=""):
    """Fields of `given` that validation dropped."""
    if isinstance(given, dict) and isinstance(known, dict):
        for name, value in given.items():
            if name in known:
                yield from unknown_fields(value, known[name], f"{path}.{name}")
            elif name not in CONVENTIONS:
                yield f"{path}.{name}"
    elif isinstance(given, list) and isinstance(known, list):
        for place, (one, other) in enumerate(zip(given, known)):
            yield from unknown_fields(one, other, f"{path}[{place}]")


def plain(value):
    return json.loads(pydantic.TypeAdapter(object).dump_json(value, exclude_unset=True, by_alias=True))


def listed(value):
    """Lazy iterables of validated parameters as lists."""
    if isinstance(value, dict):
        return {name: listed(inner) for name, inner in value.items()}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return [listed(inner) for inner in value]


def judge_request(protocol, body):
    params = PARAMS[protocol][1 if body.get("stream") else 0]
    older = OLDER_MESSAGES if protocol == "messages" else set()
    given = {name: value for name, value in body.items() if name not in older}
    fitted = listed(adapter(params).validate_python(given))
    yield from unknown_fields(given, fitted)


def judge_answer(kind, value):
    adapter(kind).validate_python(value)
    return ()


def judge(case):
    checks = [("upstream_request", lambda body: judge_request(case["upstream"], body))]
    for field, protocol in (("upstream_answer", case["upstream"]), ("answer", case["client"])):
        checks.append((field, lambda value, kind=ANSWERS[protocol]: judge_answer(kind, value)))
    for field, protocol in (("upstream_stream", case["upstream"]), ("stream", case["client"])):
        kind = EVENTS[protocol]
        checks.append((field, lambda events, kind=kind: [w for e in events if e != "[DONE]" for w in judge_answer(kind, e)]))
    for field, check in checks:
        if case.get(field) is None:
            continue
        try:
            yield from (f"{field}{unknown}: no such field" for unknown in check(case[field]))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            yield f"{field} {first['loc']}: {first['msg']}"


def main():
    failed = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
        for problem in judge(json.loads(path.read_text())):
            failed += 1
            print(f"{path.name}: {problem}")
    sys.exit(1 if failed else 0)


main()
