"""Judges golden cases by the types that the official SDKs publish.

usage: published.py FOLDER

A request must fit the parameters' types, an answer and each event of a stream the response types: every value of the
right kind without coercion, and no field, however deep, that the types do not name. A stream must besides be one that
the SDK's own helper puts together.
"""

import json
import pathlib
import sys
import typing
import warnings

# The parameters' types say Iterable where the wire has a list. Pydantic looks into an Iterable only when somebody walks
# over it, into a list at once.
typing.Iterable = typing.List

import anthropic  # noqa: E402
import openai  # noqa: E402
import pydantic  # noqa: E402
import typing_extensions  # noqa: E402
from anthropic.lib.streaming._messages import accumulate_event  # noqa: E402
from anthropic.types import Message, RawMessageStreamEvent  # noqa: E402
from anthropic.types import message_create_params as messages_params  # noqa: E402
from anthropic.types.shared.error_response import ErrorResponse  # noqa: E402
from openai.lib.streaming.chat import ChatCompletionStreamState  # noqa: E402
from openai.lib.streaming.responses._responses import ResponseStreamState  # noqa: E402
from openai.types.chat import ChatCompletion, ChatCompletionChunk  # noqa: E402
from openai.types.chat import completion_create_params as chat_params  # noqa: E402
from openai.types.responses import Response, ResponseStreamEvent  # noqa: E402
from openai.types.responses import response_create_params as responses_params  # noqa: E402
from openai.types.shared import ErrorObject  # noqa: E402

warnings.filterwarnings("ignore")


class Failure(pydantic.BaseModel, extra="forbid"):
    """OpenAI's error body and the chunk that ends a broken stream."""

    error: ErrorObject


class Thinking(pydantic.BaseModel, extra="forbid"):
    """What clients of Chat Completions know of thinking by convention (DeepSeek's and OpenRouter's)."""

    class Detail(pydantic.BaseModel, extra="forbid"):
        type: typing.Literal["reasoning.encrypted"]
        data: str
        index: int

    reasoning_content: str = ""
    reasoning: str = ""
    reasoning_details: typing.List[Detail] = []


class CustomPiece(pydantic.BaseModel, extra="forbid"):
    """A piece of a custom tool's call as the API streams it, which the types lack (openai/openai-openapi#576)."""

    class Custom(pydantic.BaseModel, extra="forbid"):
        name: typing.Optional[str] = None
        input: str

    index: int
    id: typing.Optional[str] = None
    type: typing.Optional[typing.Literal["custom"]] = None
    custom: Custom


class Sampling(pydantic.BaseModel, extra="forbid"):
    """What the Messages API of 2023-06-01 takes and the newest published types leave out."""

    temperature: typing.Optional[float] = pydantic.Field(None, ge=0, le=1)
    top_p: typing.Optional[float] = pydantic.Field(None, ge=0, le=1)
    top_k: typing.Optional[int] = None


PARAMS = {
    "messages": (messages_params.MessageCreateParamsNonStreaming, messages_params.MessageCreateParamsStreaming),
    "chat_completions": (chat_params.CompletionCreateParamsNonStreaming, chat_params.CompletionCreateParamsStreaming),
    "responses": (responses_params.ResponseCreateParamsNonStreaming, responses_params.ResponseCreateParamsStreaming),
}
ANSWERS = {"messages": Message, "chat_completions": ChatCompletion, "responses": Response}
EVENTS = {"messages": RawMessageStreamEvent, "chat_completions": ChatCompletionChunk, "responses": ResponseStreamEvent}
FAILURES = {"messages": ErrorResponse, "chat_completions": Failure, "responses": Failure}
ADAPTERS = {}


# Answers of other makers, whose figures and parts of a message OpenAI's types do not know: that they do not fit is the case.
OTHER_MAKERS = {
    "answer-chat-to-messages-thinking-parts.json": "upstream_answer",
    "answer-chat-to-responses-thinking-parts.json": "upstream_answer",
    "usage-anthropics-names.json": "upstream_answer",
    "usage-beside.json": "upstream_answer",
    "usage-deepseek.json": "upstream_answer",
    "usage-groq-stream.json": "upstream_stream",
    "usage-mistral.json": "upstream_answer",
    "usage-moonshot-stream.json": "upstream_stream",
    "usage-moonshot.json": "upstream_answer",
    "usage-odd-figures.json": "upstream_answer",
    "usage-openrouter.json": "upstream_answer",
    "usage-other-names.json": "upstream_answer",
    "usage-qwen.json": "upstream_answer",
    "usage-siliconflow.json": "upstream_answer",
}


def close_the_types():
    """Makes every published type refuse fields that it does not name, before any of them is built."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("anthropic.types", "openai.types")):
            for kind in vars(module).values():
                if typing_extensions.is_typeddict(kind):
                    kind.__pydantic_config__ = {"extra": "forbid", **getattr(kind, "__pydantic_config__", {})}
    models = [anthropic.BaseModel, openai.BaseModel]
    while models:
        model = models.pop()
        models.extend(model.__subclasses__())
        model.model_config["extra"] = "forbid"


def fit(kind, value):
    """Validates `value` as it would stand on the wire."""
    if kind not in ADAPTERS:
        ADAPTERS[kind] = pydantic.TypeAdapter(kind)
    return ADAPTERS[kind].validate_json(json.dumps(value), strict=True)


class GoogleExtra(pydantic.BaseModel, extra="forbid"):
    """What Gemini's OpenAI-compatible API attaches to a call and wants to see again."""

    class Google(pydantic.BaseModel, extra="forbid"):
        thought_signature: str

    google: Google


class ThinkingPart(pydantic.BaseModel, extra="forbid"):
    """Mistral's thinking."""

    class Text(pydantic.BaseModel, extra="forbid"):
        type: typing.Literal["text"]
        text: str

    type: typing.Literal["thinking"]
    thinking: typing.List[Text]


def without_what_makers_attach(message):
    """Takes what other makers attach to a message out of it, after a look at that."""
    known = {name: message.pop(name) for name in Thinking.model_fields if name in message}
    fit(Thinking, {name: value for name, value in known.items() if value is not None})
    for call in message.get("tool_calls") or []:
        if "extra_content" in call:
            fit(GoogleExtra, call.pop("extra_content"))
    if isinstance(message.get("content"), list):
        for part in [part for part in message["content"] if part.get("type") == "thinking"]:
            fit(ThinkingPart, part)
            message["content"].remove(part)


def fit_request(protocol, body):
    if protocol == "chat_completions":
        body = json.loads(json.dumps(body))
        for message in body["messages"]:
            if message["role"] == "assistant":
                without_what_makers_attach(message)
    if protocol == "messages":
        sampling = {name: value for name, value in body.items() if name in Sampling.model_fields}
        fit(Sampling, sampling)
        body = {name: value for name, value in body.items() if name not in sampling}
    fit(PARAMS[protocol][1 if body.get("stream") else 0], body)


def without_conventions(completion):
    """A completion or chunk without what the types do not know but clients do, after a look at that."""
    completion = json.loads(json.dumps(completion))
    for choice in completion.get("choices", []):
        said = choice.get("message") or choice.get("delta") or {}
        if not isinstance(said.get("content"), list):
            without_what_makers_attach(said)
        if "delta" in choice:
            pieces = said.get("tool_calls") or []
            for piece in [piece for piece in pieces if "custom" in piece]:
                fit(CustomPiece, piece)
                pieces.remove(piece)
            if not pieces:
                said.pop("tool_calls", None)
    return completion


def fit_answer(protocol, answer):
    fit(ANSWERS[protocol], without_conventions(answer) if protocol == "chat_completions" else answer)


def fit_event(protocol, event):
    if protocol == "chat_completions":
        return fit(Failure, event) if "error" in event else fit(ChatCompletionChunk, without_conventions(event))
    if protocol == "messages" and event["type"] in ("error", "ping"):
        # Neither is among the types of the events that the SDK hands out.
        return fit(ErrorResponse, event) if event["type"] == "error" else event == {"type": "ping"} or None
    if event["type"] == "response.function_call_arguments.done":
        # The Node SDK's types ask for the name, the Python SDK's have lost it.
        event = {name: value for name, value in event.items() if name != "name"}
    return fit(EVENTS[protocol], event)


def fit_stream(protocol, stream):
    events = [fit_event(protocol, event) for event in stream if event != "[DONE]"]
    if protocol == "messages":
        snapshot, buffers = None, {}
        for event in events:
            if isinstance(event, pydantic.BaseModel) and not isinstance(event, ErrorResponse):
                snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    elif protocol == "chat_completions":
        state = ChatCompletionStreamState()
        for event in events:
            if not isinstance(event, Failure):
                state.handle_chunk(event)
    else:
        numbers = [event["sequence_number"] for event in stream]
        if numbers != list(range(len(numbers))):
            raise ValueError("sequence_number does not count the events")
        state = ResponseStreamState(input_tools=openai.NOT_GIVEN, text_format=openai.NOT_GIVEN)
        for event in events:
            state.handle_event(event)


def judge(name, case):
    checks = [
        ("upstream_request", fit_request, "upstream"),
        ("upstream_answer", fit_answer, "upstream"),
        ("answer", fit_answer, "client"),
        ("upstream_stream", fit_stream, "upstream"),
        ("stream", fit_stream, "client"),
        ("error", lambda protocol, body: fit(FAILURES[protocol], body), "client"),
    ]
    for field, check, side in checks:
        if case.get(field) is None:
            continue
        is_other = OTHER_MAKERS.get(name) == field
        try:
            check(case[side], case[field])
            if is_other:
                yield f"{field}: fits, and is named among those that do not"
        except Exception if is_other else ():
            pass
        except pydantic.ValidationError as error:
            # A union reports every member it is not; the deepest place is what is wrong.
            worst = max(error.errors(), key=lambda one: len(one["loc"]))
            yield f"{field} {worst['loc']}: {worst['msg']}"
        except Exception as error:
            yield f"{field}: {type(error).__name__}: {error}"


def main():
    close_the_types()
    paths = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
    problems = [f"{path.name}: {problem}" for path in paths for problem in judge(path.name, json.loads(path.read_text()))]
    print("\n".join(problems) if problems else f"{len(paths)} cases fit the published types")
    sys.exit(1 if problems or not paths else 0)


if __name__ == "__main__":
    main()
