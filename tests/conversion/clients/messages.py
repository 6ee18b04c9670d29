"""The official Anthropic SDK, unchanged, against a channel of any kind."""

import asyncio
import json

import anthropic
from anthropic import beta_tool
from anthropic.types import Message, RawMessageStreamEvent
from kit import ADAPTIVE, FORTY, KIND, LOCATION, LONG_NAME, MODEL, MODELS, PDF, PLAIN, PNG, SEEN_PDF, SEEN_PNG, TEXT, URL, KEY, call, case, equal, raised, run, script, sent
from pydantic import BaseModel
from published import checked

NATIVE = KIND == "claude"
WEATHER = [{"name": "weather", "description": "The weather somewhere", "input_schema": LOCATION}]
client = anthropic.Anthropic(api_key=KEY, base_url=URL, max_retries=0, timeout=120)


def user(*lines, **more):
    return {"role": "user", "content": script(*lines, **more)}


def ask(*lines, model=MODEL, **more):
    body = {"model": model, "max_tokens": 4000, "messages": [user(*lines)], **more}
    return client.messages.create(**body)


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def events_of(**body):
    """The raw events of a stream, each held to its published type."""
    with client.messages.with_streaming_response.create(stream=True, **body) as answer:
        lines = "".join(answer.iter_text()).split("\n")
    events = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
    for event in events:
        if event["type"] not in ("ping", "error"):
            checked(RawMessageStreamEvent, event)
    return events


def check_usage(usage):
    found = (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.output_tokens)
    equal(found, (100, 40, 20, 30))


@case
def a_whole_answer():
    answer = client.messages.with_raw_response.create(model=MODEL, max_tokens=100, messages=[user(f"say {TEXT}")])
    message = answer.parse()
    checked(Message, json.loads(answer.text()))
    equal((text_of(message), message.stop_reason, message.stop_sequence, message.model), (TEXT, "end_turn", None, MODEL))
    check_usage(message.usage)


@case
def a_streamed_answer():
    with client.messages.stream(model=MODEL, max_tokens=100, messages=[user(f"say {TEXT}")]) as stream:
        equal("".join(stream.text_stream), TEXT)
        final = stream.get_final_message()
    equal((final.stop_reason, final.model, len(final.content)), ("end_turn", MODEL, 1))
    check_usage(final.usage)
    kinds = [event["type"] for event in events_of(model=MODEL, max_tokens=100, messages=[user("say Hi.")])]
    kinds = [kind for kind in kinds if kind not in ("ping", "content_block_delta")]
    equal(kinds, ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"])


@case
def a_stream_heard_asynchronously():
    async def listen():
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=URL, max_retries=0) as patient:
            async with patient.messages.stream(model=MODEL, max_tokens=100, messages=[user(f"say {TEXT}")]) as stream:
                return "".join([text async for text in stream.text_stream])

    equal(asyncio.run(listen()), TEXT)


@case
def the_conversation_so_far():
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "One", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "Two"},
        user("recall", before="Three"),
    ]
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"type": "text", "text": "Be kind."}]
    message = client.messages.create(model=MODEL, max_tokens=500, system=system, messages=turns, metadata={"user_id": "user-1"})
    found = text_of(message).replace("\n\n", "\n")
    assert found in (
        "system: Be brief.\nsystem: Be kind.\nuser: One\nassistant: Two\nuser: Three",
        "system: Be brief.\nBe kind.\nuser: One\nassistant: Two\nuser: Three",
    ), found


@case
def tools_are_called_and_answered():
    first = user("say Looking.", call("weather", location="Paris"), call("weather", location="Rome"), "---", "report")
    body = {"model": MODEL, "max_tokens": 1000, "tools": WEATHER}
    for streamed in (False, True):
        if streamed:
            with client.messages.stream(**body, messages=[first]) as stream:
                message = stream.get_final_message()
        else:
            message = client.messages.create(**body, messages=[first])
        equal([block.type for block in message.content], ["text", "tool_use", "tool_use"])
        equal([block.input for block in message.content[1:]], [{"location": "Paris"}, {"location": "Rome"}])
        equal(message.stop_reason, "tool_use")
        results = [
            {"type": "tool_result", "tool_use_id": message.content[1].id, "content": [{"type": "text", "text": "rain"}]},
            {"type": "tool_result", "tool_use_id": message.content[2].id, "content": "no such town", "is_error": True},
        ]
        turns = [first, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
        told = text_of(client.messages.create(**body, messages=turns)).lower()
        equal(told, "the tool said: rain | error: no such town")


@case
def pictures_in_results():
    first = user(call("weather", location="Paris"), "---", "describe")
    body = {"model": MODEL, "max_tokens": 1000, "tools": WEATHER}
    message = client.messages.create(**body, messages=[first])
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    result = {"type": "tool_result", "tool_use_id": message.content[0].id, "content": [{"type": "text", "text": "see"}, picture]}
    turns = [first, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    equal(text_of(client.messages.create(**body, messages=turns)), f"I see {SEEN_PNG}")


@case
def tools_are_chosen():
    for choice in ({"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "weather"}, {"type": "auto", "disable_parallel_tool_use": True}):
        message = ask(call("weather", location="Paris"), tools=WEATHER, tool_choice=choice)
        equal((message.content[0].name, message.content[0].input), ("weather", {"location": "Paris"}))
    equal(text_of(ask("say No.", tools=WEATHER, tool_choice={"type": "none"})), "No.")
    named = [{**WEATHER[0], "name": LONG_NAME, "strict": True}]
    equal(ask(call(LONG_NAME if NATIVE else "", location="Paris"), tools=named).content[0].name, LONG_NAME)
    # Two names that differ beyond the length that OpenAI takes.
    alike = [{**WEATHER[0], "name": LONG_NAME + "a"}, {**WEATHER[0], "name": LONG_NAME + "b"}]
    ask("say Hi.", tools=alike)
    upstream = [(tool.get("function") or tool)["name"] for tool in sent()[-1]["tools"]]
    equal(ask(call(upstream[1], location="Paris"), tools=alike).content[0].name, LONG_NAME + "b")
    optional = {"type": "object", "properties": {"location": {"type": "string"}}, "additionalProperties": False}
    equal(ask(call("weather"), tools=[{**WEATHER[0], "input_schema": optional, "strict": True}]).content[0].input, {})
    empty = [{"name": "now", "input_schema": {"type": "object"}}]
    equal(ask(call("now"), tools=empty).content[0].input, {})


@case
def the_tool_runner():
    asked = []

    @beta_tool
    def weather(location: str, unit: str = "celsius") -> str:
        """The weather somewhere.

        Args:
            location: The town.
            unit: The unit of the answer.
        """
        asked.append(location)
        return f"rain in {location}"

    first = user(call("weather", location="Paris"), "---", call("weather", location="Rome", unit="kelvin"), "---", "report")
    runner = client.beta.messages.tool_runner(model=MODEL, max_tokens=1000, tools=[weather], messages=[first])
    equal(text_of(runner.until_done()), "The tool said: rain in Rome")
    equal(asked, ["Paris", "Rome"])
    runner = client.beta.messages.tool_runner(model=MODEL, max_tokens=1000, tools=[weather], messages=[first], stream=True)
    for stream in runner:
        final = stream.get_final_message()
    equal(text_of(final), "The tool said: rain in Rome")


class Town(BaseModel):
    name: str
    people: int
    rivers: list[str]
    note: str | None = None


@case
def structured_output():
    message = client.messages.parse(model=MODEL, max_tokens=1000, messages=[user("json")], output_format=Town)
    equal((message.parsed_output.name, message.parsed_output.people, message.parsed_output.rivers), ("word", 7, ["word"]))
    with client.messages.stream(model=MODEL, max_tokens=1000, messages=[user("json")], output_format=Town) as stream:
        equal(stream.get_final_message().parsed_output.people, 7)


@case
def pictures_and_documents():
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    address = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    paper = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, "title": "A paper"}
    words = {"type": "text", "text": script("describe")}
    message = client.messages.create(model=MODEL, max_tokens=100, messages=[{"role": "user", "content": [picture, address, paper, words]}])
    equal(text_of(message), f"I see {SEEN_PNG}, https://example.com/a.png, {SEEN_PDF}")


def thinks_through(thinking, model, **more):
    """Two rounds of tools with the thoughts sent back as they came; the thoughts seen."""
    first = user("think I must look.", call("weather", location="Paris"), "---", "redacted", call("weather", location="Rome"), "---", "report")
    body = {"model": model, "max_tokens": 6000, "thinking": thinking, "tools": WEATHER, **more}
    turns, thoughts, message = [first], [], None
    for round_ in range(3):
        if round_ == 1:
            with client.messages.stream(**body, messages=turns) as stream:
                message = stream.get_final_message()
        else:
            message = client.messages.create(**body, messages=turns)
        thoughts += [block for block in message.content if block.type in ("thinking", "redacted_thinking")]
        calls = [block for block in message.content if block.type == "tool_use"]
        turns.append({"role": "assistant", "content": message.content})
        turns.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": one.id, "content": "rain"} for one in calls]})
    equal(text_of(message), "The tool said: rain")
    return thoughts


@case
def thinking_with_tools():
    thoughts = thinks_through({"type": "enabled", "budget_tokens": 2000}, MODEL)
    if KIND == "chat":
        return equal(thoughts, [])
    equal(len(thoughts), 2)
    equal(thoughts[0].thinking, "I must look.")
    assert thoughts[0].signature and (NATIVE or thoughts[1].signature)
    seals = [item for item in sent()[-1].get("input", []) if isinstance(item, dict) and item.get("type") == "reasoning"]
    equal(len(seals), 0 if NATIVE else 2)


@case
def adaptive_thinking():
    thoughts = thinks_through({"type": "adaptive", "display": "summarized"}, ADAPTIVE, output_config={"effort": "high"})
    equal(len(thoughts), 0 if KIND == "chat" else 2)


@case
def where_it_stops():
    message = ask(f"say {FORTY}", max_tokens=20)
    equal((text_of(message), message.stop_reason), (" ".join(FORTY.split(" ")[:20]), "max_tokens"))
    with client.messages.stream(model=MODEL, max_tokens=20, messages=[user(f"say {FORTY}")]) as stream:
        equal(stream.get_final_message().stop_reason, "max_tokens")
    for model in (PLAIN, MODEL):
        stops = {"model": model, "stop_sequences": ["word3"]}
        with client.messages.stream(max_tokens=4000, messages=[user(f"say {FORTY}")], **stops) as stream:
            streamed = stream.get_final_message()
        for message in (ask(f"say {FORTY}", **stops), streamed):
            equal(text_of(message), "word0 word1 word2 ")
            # A chat channel that takes the sequences does not say which it was.
            told = KIND != "chat" or model == MODEL
            equal((message.stop_reason, message.stop_sequence), ("stop_sequence", "word3") if told else ("end_turn", None))
            check_usage(message.usage)
    message = ask("refuse I cannot do that.")
    equal((text_of(message), message.stop_reason), ("I cannot do that.", "refusal"))


@case
def errors_are_told():
    for status, kind, type_ in (
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (422, anthropic.UnprocessableEntityError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
    ):
        for streamed in (False, True):
            error = raised(kind, lambda: ask(f"fail {status} the provider's own words", stream=streamed))
            equal((error.status_code, error.body["type"]), (status, "error"))
            assert status != 400 or error.type == type_, error.type
            assert status >= 429 or "the provider's own words" in error.message, error.message
    error = raised(anthropic.BadRequestError, lambda: ask("say x", messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}], max_tokens=0))
    assert error.request_id


@case
def streams_that_break():
    for order in ("break", "streamfail the provider's own words"):
        heard = []

        def listen():
            with client.messages.stream(model=MODEL, max_tokens=100, messages=[user("say One two three.", order)]) as stream:
                for text in stream.text_stream:
                    heard.append(text)

        try:
            listen()
        except anthropic.APIStatusError as error:
            assert error.type in ("api_error", "overloaded_error"), error
            assert order == "break" or "the provider's own words" in str(error), error
        else:
            raise AssertionError(f"{order}: taken for a whole answer")
        equal("".join(heard), "One two three.")
    for order in ("break", "empty"):
        error = raised(anthropic.InternalServerError, lambda: ask("say One two three.", order))
        equal(error.status_code, 502)


@case
def however_events_are_written():
    for order in ("crlf", "nospace", "comments", "dribble", "joined", "endless"):
        with client.messages.stream(model=MODEL, max_tokens=100, messages=[user(f"sse {order}", f"say {TEXT}", call("weather", location=TEXT))], tools=WEATHER) as stream:
            final = stream.get_final_message()
        equal((text_of(final), final.content[1].input), (TEXT, {"location": TEXT}))
        check_usage(final.usage)


@case
def hints_are_left_out():
    tools = [*WEATHER, {"type": "web_search_20250305", "name": "web_search"}]
    answer = client.messages.with_raw_response.create(
        model=MODEL, max_tokens=100, tools=tools, messages=[user("say Hi.")], service_tier="auto", cache_control={"type": "ephemeral"},
        extra_body={"context_management": {"edits": []}} if not NATIVE else None,
    )
    equal(text_of(answer.parse()), "Hi.")
    left = answer.headers.get("x-relay-left-out", "")
    for name in ("tools.web_search_20250305", "cache_control", "context_management"):
        assert NATIVE == (name not in left), f"{name}: {left!r}"
    if not NATIVE:
        raised(anthropic.BadRequestError, lambda: ask("say Hi.", tools=tools[1:]))
        raised(anthropic.BadRequestError, lambda: ask("say Hi.", tools=tools, tool_choice={"type": "tool", "name": "web_search"}))
    answer = client.messages.with_raw_response.create(
        model=PLAIN, max_tokens=100, messages=[user("say Hi.")], extra_headers={"anthropic-version": "2023-06-01"}, extra_body={"temperature": 0.5, "top_k": 5}
    )
    assert NATIVE == ("top_k" not in answer.headers.get("x-relay-left-out", ""))
    equal(sent()[-1]["temperature"], 0.5)
    # OpenAI's models that reason take none.
    answer = client.messages.with_raw_response.create(
        model=MODEL, max_tokens=100, messages=[user("say Hi.")], extra_headers={"anthropic-version": "2023-06-01"}, extra_body={"temperature": 0.5}
    )
    assert NATIVE == ("temperature" not in answer.headers.get("x-relay-left-out", ""))


@case
def tokens_and_models():
    answer = client.messages.with_raw_response.count_tokens(model=MODEL, messages=[user("say Hi.")], tools=WEATHER, system="Be brief.")
    assert answer.parse().input_tokens == 123 if NATIVE else answer.parse().input_tokens > 10
    equal(answer.headers.get("x-relay-estimated"), None if NATIVE else "true")
    assert MODEL in [model.id for model in client.models.list()]


@case
def thoughts_of_others():
    """Seals that this channel never made, and thoughts without one, do no harm."""
    if NATIVE:
        return
    first = user(call("weather", location="Paris"), "---", "report")
    said = [
        {"type": "thinking", "thinking": "Elsewhere I thought.", "signature": "c29tZXdoZXJlIGVsc2U="},
        {"type": "redacted_thinking", "data": "c29tZXdoZXJlIGVsc2U="},
        {"type": "thinking", "thinking": "Unsealed.", "signature": ""},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"location": "Paris"}},
    ]
    result = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": []}, {"type": "text", "text": "And now?"}]
    turns = [first, {"role": "assistant", "content": said}, {"role": "user", "content": result}]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    message = client.messages.create(model=MODEL, max_tokens=4000, messages=turns, tools=WEATHER, thinking=thinking)
    equal(text_of(message).strip(), "The tool said:")


@case
def thoughts_in_the_open():
    """Providers beside OpenAI that tell their thoughts in Chat Completions."""
    if KIND != "chat":
        return
    body = {"model": MODELS["shows"], "max_tokens": 4000, "messages": [user("think I must look.", "say Done.")], "thinking": {"type": "enabled", "budget_tokens": 2000}}
    with client.messages.stream(**body) as stream:
        streamed = stream.get_final_message()
    for message in (streamed, client.messages.create(**body)):
        equal([block.type for block in message.content], ["thinking", "text"])
        equal(message.content[0].thinking, "I must look.")
        assert message.content[0].signature, "nothing tells whose thought it is"
    turns = [*body["messages"], {"role": "assistant", "content": message.content}, user("say Again.")]
    equal(text_of(client.messages.create(**{**body, "messages": turns})), "Again.")


@case
def what_makers_want_to_see_again():
    """DeepSeek's, Kimi's, Mistral's and Gemini's refuse a tool turn without what they attached to it."""
    if KIND != "chat":
        return
    script_ = ("think I must look.", call("weather", location="Paris"), call("weather", location="Oslo"), "---", "think Once more.", "say Rome next.", call("weather", location="Rome"), "---", "report")
    for model in MODELS["makers"]:
        for streamed in (False, True):
            body = {"model": model, "max_tokens": 6000, "thinking": {"type": "enabled", "budget_tokens": 2000}, "tools": WEATHER}
            turns = [user(*script_)]
            for _ in range(3):
                if streamed:
                    with client.messages.stream(**body, messages=turns) as stream:
                        message = stream.get_final_message()
                else:
                    message = client.messages.create(**body, messages=turns)
                calls = [block for block in message.content if block.type == "tool_use"]
                turns.append({"role": "assistant", "content": message.content})
                turns.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": one.id, "content": "rain"} for one in calls]})
            equal(text_of(message), "The tool said: rain")
            # Another maker's model gets none of it.
            ask_again = [*turns[:-1], user("say Fine.")]
            equal(text_of(client.messages.create(**{**body, "model": PLAIN}, messages=ask_again)), "Fine.")


@case
def instructions_in_the_middle():
    turns = [user("say x", before="One"), {"role": "assistant", "content": "Two"}, user("recall", before="Three"), {"role": "system", "content": "Be quick."}]
    equal(text_of(client.messages.create(model=ADAPTIVE, max_tokens=100, messages=turns)), "user: One\nassistant: Two\nuser: Three\nsystem: Be quick.")


run()
