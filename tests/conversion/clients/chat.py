"""The official OpenAI SDK's Chat Completions, unchanged, against a channel of any kind."""

import asyncio
import json

import openai
from kit import FORTY, KEY, KIND, LOCATION, MODEL, MODELS, PDF, PLAIN, PNG, SEEN_PDF, SEEN_PNG, TEXT, URL, call, case, equal, openai_errors_are_told, raised, run, script, sent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel
from published import checked

NATIVE = KIND == "chat"
WEATHER = [{"type": "function", "function": {"name": "weather", "description": "The weather somewhere", "parameters": LOCATION, "strict": True}}]
client = openai.OpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0, timeout=120)


def user(*lines, **more):
    return {"role": "user", "content": script(*lines, **more)}


def ask(*lines, model=MODEL, **more):
    return client.chat.completions.create(**{"model": model, "messages": [user(*lines)], **more})


def message_of(*lines, **more):
    return ask(*lines, **more).choices[0].message


# Fields of a delta that the published type lacks: gateways' own for thoughts.
BEYOND = ("reasoning_content", "reasoning_details")


def chunks_of(*lines, **more):
    """The chunks of a stream, each held to its published type, which knows no freeform calls."""
    with client.chat.completions.with_streaming_response.create(**{"model": MODEL, "messages": [user(*lines)], "stream": True, **more}) as answer:
        lines = "".join(answer.iter_text()).split("\n")
    datas = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    equal(datas[-1], "[DONE]")
    chunks = [json.loads(data) for data in datas[:-1]]
    for chunk in chunks:
        for choice in chunk["choices"]:
            is_freeform = any("custom" in part for part in choice["delta"].get("tool_calls", []))
            beyond = {name: choice["delta"].pop(name) for name in (*BEYOND, *["tool_calls"] * is_freeform) if name in choice["delta"]}
            checked(ChatCompletionChunk, chunk)
            choice["delta"].update(beyond)
        checked(ChatCompletionChunk, {**chunk, "choices": []})
    return chunks


def check_usage(usage, reasoning=0):
    equal((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (160, 30, 190))
    equal((usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens), (40, reasoning))


@case
def a_whole_answer():
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=[user(f"say {TEXT}")])
    completion = answer.parse()
    checked(ChatCompletion, json.loads(answer.text))
    choice = completion.choices[0]
    equal((choice.message.content, choice.finish_reason, completion.model, choice.message.tool_calls), (TEXT, "stop", MODEL, None))
    check_usage(completion.usage)


@case
def a_streamed_answer():
    chunks = chunks_of(f"say {TEXT}")
    equal("".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]), TEXT)
    equal(chunks[-1]["choices"][0]["finish_reason"], "stop")
    equal(chunks[0]["choices"][0]["delta"]["role"], "assistant")
    assert all(not chunk.get("usage") for chunk in chunks), "usage that was not asked for"
    equal({chunk["model"] for chunk in chunks}, {MODEL})
    last = chunks_of("say Hi.", stream_options={"include_usage": True})[-1]
    equal((last["choices"], last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]), ([], 160, 30))
    with client.chat.completions.stream(model=MODEL, messages=[user(f"say {TEXT}")], stream_options={"include_usage": True}) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.done" in kinds, kinds
    equal(final.choices[0].message.content, TEXT)
    check_usage(final.usage)


@case
def the_conversation_so_far():
    turns = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": [{"type": "text", "text": "One"}], "name": "ann"},
        {"role": "assistant", "content": [{"type": "text", "text": "Two"}]},
        user("recall", before="Three"),
    ]
    found = message_of(messages=turns).content.replace("\n\n", "\n")
    assert found in (
        "system: Be brief.\nsystem: Be kind.\nuser: One\nassistant: Two\nuser: Three",
        "system: Be brief.\nBe kind.\nuser: One\nassistant: Two\nuser: Three",
    ), found


@case
def instructions_in_the_middle():
    turns = [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"}, {"role": "developer", "content": "Be quick."}, user("recall", before="Three")]
    found = message_of(messages=turns).content
    assert found.index("Two") < found.index("Be quick.") < found.index("Three"), found


@case
def a_stream_heard_asynchronously():
    async def listen():
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0) as patient:
            chunks = await patient.chat.completions.create(model=MODEL, messages=[user(f"say {TEXT}")], stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    equal(asyncio.run(listen()), TEXT)


@case
def tools_are_called_and_answered():
    first = user("say Looking.", call("weather", location="Paris"), call("weather", location="Rome"), "---", "report")
    for streamed in (False, True):
        if streamed:
            with client.chat.completions.stream(model=MODEL, messages=[first], tools=WEATHER) as stream:
                choice = stream.until_done().get_final_completion().choices[0]
        else:
            choice = ask(messages=[first], tools=WEATHER).choices[0]
        calls = choice.message.tool_calls
        equal((choice.message.content, choice.finish_reason), ("Looking.", "tool_calls"))
        equal([(one.type, one.function.name, json.loads(one.function.arguments)["location"]) for one in calls], [("function", "weather", "Paris"), ("function", "weather", "Rome")])
        functions = [{"name": one.function.name, "arguments": one.function.arguments} for one in calls]
        sent_back = [{"id": one.id, "type": "function", "function": function} for one, function in zip(calls, functions)]
        turns = [first, {"role": "assistant", "content": choice.message.content, "tool_calls": sent_back}]
        turns += [{"role": "tool", "tool_call_id": calls[0].id, "content": "rain"}, {"role": "tool", "tool_call_id": calls[1].id, "content": [{"type": "text", "text": "sun"}]}]
        equal(message_of(messages=turns, tools=WEATHER).content, "The tool said: rain | sun")


@case
def calls_of_others_and_empty_ones():
    turns = [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "call:1/\u00f6", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call:1/\u00f6", "content": ""},
        user("say Fine."),
    ]
    equal(message_of(messages=turns, tools=WEATHER).content, "Fine.")


@case
def tools_are_chosen():
    named = {"type": "function", "function": {"name": "weather"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    for choice in ("auto", "required", named, allowed):
        one = message_of(call("weather", location="Paris"), tools=WEATHER, tool_choice=choice, parallel_tool_calls=False).tool_calls[0]
        equal((one.function.name, json.loads(one.function.arguments)), ("weather", {"location": "Paris"}))
    equal(message_of("say No.", tools=WEATHER, tool_choice="none").content, "No.")
    bare = [{"type": "function", "function": {"name": "now"}}]
    equal(message_of(call("now"), tools=bare).tool_calls[0].function.arguments, "{}")
    loose = [{"type": "function", "function": {"name": "loose", "parameters": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}}}]
    equal(message_of(call("loose", n=1), tools=loose).tool_calls[0].function.name, "loose")


@case
def freeform_tools():
    tools = [{"type": "custom", "custom": {"name": "patch", "description": "A patch", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": ".*"}}}}]
    first = user(call("patch", input='*** a "patch"\nwith \\ lines'), "---", "report")
    one = message_of(messages=[first], tools=tools).tool_calls[0]
    equal((one.type, one.custom.name, one.custom.input), ("custom", "patch", '*** a "patch"\nwith \\ lines'))
    turns = [first, {"role": "assistant", "tool_calls": [one.model_dump(exclude_none=True)]}, {"role": "tool", "tool_call_id": one.id, "content": "done"}]
    equal(message_of(messages=turns, tools=tools).content, "The tool said: done")
    parts = [part for chunk in chunks_of(call("patch", input="one\ntwo"), tools=tools) for choice in chunk["choices"] for part in choice["delta"].get("tool_calls", [])]
    equal("".join((part.get("custom") or {}).get("input", "") for part in parts), "one\ntwo")
    equal((parts[0]["type"], parts[0]["custom"]["name"]), ("custom", "patch"))


class Town(BaseModel):
    name: str
    people: int
    rivers: list[str]
    note: str | None


@case
def structured_output():
    message = client.chat.completions.parse(model=MODEL, messages=[user("json")], response_format=Town).choices[0].message
    equal((message.parsed.name, message.parsed.people, message.parsed.rivers), ("word", 7, ["word"]))
    with client.chat.completions.stream(model=MODEL, messages=[user("json")], response_format=Town) as stream:
        equal(stream.get_final_completion().choices[0].message.parsed.people, 7)
    found = message_of("json", messages=[user("json", before="Answer in JSON.")], response_format={"type": "json_object"}).content
    assert isinstance(json.loads(found), dict), found

    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}, "words": {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 3}}}
    loose = {"type": "json_schema", "json_schema": {"name": "numbers", "schema": bounded}}
    equal(json.loads(message_of("json", response_format=loose).content), {"n": 7, "words": ["word"]})

    class weather(BaseModel):
        location: str

    tool = openai.pydantic_function_tool(weather)
    message = client.chat.completions.parse(model=MODEL, messages=[user(call("weather", location="Paris"))], tools=[tool]).choices[0].message
    equal(message.tool_calls[0].function.parsed_arguments.location, "Paris")


@case
def pictures_and_documents():
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "paper.pdf"}},
        {"type": "text", "text": script("describe")},
    ]
    found = message_of(messages=[{"role": "user", "content": parts}]).content
    equal(found, f"I see {SEEN_PNG}, https://example.com/a.png, {SEEN_PDF}")


@case
def thinking_with_tools():
    """Thoughts come and go in the fields that other gateways use; a client that sends them back loses nothing."""
    turns = [user("think I must look.", call("weather", location="Paris"), "---", "report")]
    completion = ask(messages=turns, tools=WEATHER, reasoning_effort="high")
    check_usage(completion.usage, 12)
    message = completion.choices[0].message
    one, extra = message.tool_calls[0], message.model_extra or {}
    if not NATIVE:
        equal(extra.get("reasoning_content"), "I must look." if KIND == "claude" else extra.get("reasoning_content"))
        equal(extra["reasoning_details"][0]["type"], "reasoning.encrypted")
    turns.append({"role": "assistant", "tool_calls": [one.model_dump(exclude_none=True)], **extra})
    turns.append({"role": "tool", "tool_call_id": one.id, "content": "rain"})
    equal(message_of(messages=turns, tools=WEATHER, reasoning_effort="high").content, "The tool said: rain")
    reached = json.dumps(sent()[-1])
    assert NATIVE or '"signature"' in reached or '"encrypted_content"' in reached, reached
    for name in extra:
        turns[1].pop(name, None)
    equal(message_of(messages=turns, tools=WEATHER, reasoning_effort="high").content, "The tool said: rain")
    streamed = chunks_of("think I must look.", "say Done.", reasoning_effort="high")
    words = "".join(choice["delta"].get("reasoning_content") or "" for chunk in streamed for choice in chunk["choices"])
    equal(words, "I must look." if KIND == "claude" else words)


@case
def thinking_gives_way():
    """What Claude's API refuses beside thinking: a forced tool takes the thinking away, thinking takes the temperature."""
    if KIND != "claude":
        return
    body = {"model": MODEL, "messages": [user(call("weather", location="Paris"))], "tools": WEATHER, "reasoning_effort": "high"}
    answer = client.chat.completions.with_raw_response.create(**body, tool_choice="required")
    equal(answer.parse().choices[0].finish_reason, "tool_calls")
    assert "reasoning_effort" in answer.headers["x-relay-left-out"]
    answer = client.chat.completions.with_raw_response.create(**body, temperature=0.3, top_p=0.5, max_completion_tokens=3000)
    assert {"temperature", "top_p"} <= set(answer.headers["x-relay-left-out"].split(", ")), answer.headers["x-relay-left-out"]
    assert sent()[-1]["thinking"]["budget_tokens"] < 3000


@case
def thoughts_in_the_open():
    """Providers beside OpenAI that tell their thoughts in Chat Completions, sent back as their clients do."""
    if not NATIVE:
        return
    message = message_of("think I must look.", "say Done.", model=MODELS["shows"])
    equal(message.model_extra["reasoning_content"], "I must look.")


@case
def where_it_stops():
    choice = ask(f"say {FORTY}", max_completion_tokens=20).choices[0]
    equal((choice.message.content, choice.finish_reason), (" ".join(FORTY.split(" ")[:20]), "length"))
    equal(chunks_of(f"say {FORTY}", max_completion_tokens=20)[-1]["choices"][0]["finish_reason"], "length")
    choice = ask(f"say {FORTY}", model=PLAIN, max_tokens=20).choices[0]
    equal(choice.finish_reason, "length")
    for stop in ("word3", ["word3", "word5"]):
        choice = ask(f"say {FORTY}", model=PLAIN, stop=stop).choices[0]
        equal((choice.message.content, choice.finish_reason), ("word0 word1 word2 ", "stop"))
        chunks = [chunk["choices"][0] for chunk in chunks_of(f"say {FORTY}", model=PLAIN, stop=stop) if chunk["choices"]]
        equal("".join(choice["delta"].get("content") or "" for choice in chunks), "word0 word1 word2 ")
        equal(chunks[-1]["finish_reason"], "stop")
    choice = ask("refuse I cannot do that.").choices[0]
    equal(choice.message.refusal or choice.message.content, "I cannot do that.")


@case
def several_choices():
    if NATIVE:
        return
    several = ask("say Hi.", n=3)
    equal([(choice.index, choice.message.content, choice.finish_reason) for choice in several.choices], [(n, "Hi.", "stop") for n in range(3)])
    equal((several.usage.prompt_tokens, several.usage.completion_tokens), (3 * 160, 3 * 30))
    texts, ends = ["", ""], [None, None]
    with client.chat.completions.stream(model=MODEL, messages=[user("say Hi.")], n=2, stream_options={"include_usage": True}) as stream:
        for event in stream:
            if event.type == "chunk":
                for choice in event.chunk.choices:
                    texts[choice.index] += choice.delta.content or ""
                    ends[choice.index] = choice.finish_reason or ends[choice.index]
        final = stream.get_final_completion()
    equal((texts, ends, [choice.message.content for choice in final.choices]), (["Hi.", "Hi."], ["stop", "stop"], ["Hi.", "Hi."]))
    equal(final.usage.completion_tokens, 60)
    equal(raised(openai.RateLimitError, lambda: ask("fail 429 not now", n=2)).status_code, 429)
    equal(raised(openai.BadRequestError, lambda: ask("say Hi.", n=100)).param, "n")


@case
def functions_of_old():
    if NATIVE:
        return
    functions = [{"name": "weather", "description": "The weather somewhere", "parameters": LOCATION}]
    turns = [user("say Looking.", call("weather", location="Paris"), "---", call("weather", location="Rome"), "---", "report")]
    for streamed in (False, True, False):
        body = {"model": MODEL, "messages": turns, "functions": functions, "function_call": "auto"}
        if streamed:
            name, arguments, reason = "", "", None
            for chunk in client.chat.completions.create(stream=True, **body):
                choice = chunk.choices[0]
                name += (choice.delta.function_call and choice.delta.function_call.name) or ""
                arguments += (choice.delta.function_call and choice.delta.function_call.arguments) or ""
                reason = choice.finish_reason or reason
            content = None
        else:
            choice = client.chat.completions.create(**body).choices[0]
            told, reason, content = choice.message.function_call, choice.finish_reason, choice.message.content
            assert choice.message.tool_calls is None
            if told is None:
                break
            name, arguments = told.name, told.arguments
        equal((name, list(json.loads(arguments)), reason), ("weather", ["location"], "function_call"))
        turns.append({"role": "assistant", "content": content, "function_call": {"name": name, "arguments": arguments}})
        turns.append({"role": "function", "name": "weather", "content": "rain"})
    equal((content, reason), ("The tool said: rain", "stop"))


@case
def reasoning_models_are_asked_as_they_want():
    if not NATIVE:
        return
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=[user("say Hi.")], max_tokens=50, temperature=0.2, top_p=0.5)
    equal(answer.parse().choices[0].message.content, "Hi.")
    equal(answer.headers["x-relay-left-out"], "temperature, top_p")
    equal((sent()[-1].get("max_tokens"), sent()[-1]["max_completion_tokens"]), (None, 50))


@case
def errors_are_told():
    openai_errors_are_told(openai, ask)


@case
def streams_that_break():
    for order in ("break", "streamfail the provider's own words"):
        heard = []

        def listen():
            for chunk in ask("say One two three.", order, stream=True):
                heard.extend(choice.delta.content or "" for choice in chunk.choices)

        error = raised(openai.APIError, listen)
        assert order == "break" or "the provider's own words" in str(error), error
        equal("".join(heard), "One two three.")
    for order in ("break", "empty"):
        equal(raised(openai.InternalServerError, lambda: ask("say One two three.", order)).status_code, 502)


@case
def however_events_are_written():
    for order in ("crlf", "nospace", "comments", "dribble", "joined", "endless"):
        with client.chat.completions.stream(model=MODEL, messages=[user(f"sse {order}", f"say {TEXT}", call("weather", location=TEXT))], tools=WEATHER) as stream:
            message = stream.get_final_completion().choices[0].message
        equal((message.content, json.loads(message.tool_calls[0].function.arguments)), (TEXT, {"location": TEXT}))


@case
def neutral_values_and_hints():
    neutral = {"n": 1, "response_format": {"type": "text"}, "stop": None, "logprobs": False, "presence_penalty": 0}
    equal(message_of("say Hi.", extra_body=neutral).content, "Hi.")
    hints = {"user": "user-1", "seed": 7, "service_tier": "auto", "store": True, "metadata": {"a": "b"}, "prompt_cache_key": "cache", "verbosity": "low", "safety_identifier": "someone"}
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=[user("say Hi.")], **hints)
    equal(answer.parse().choices[0].message.content, "Hi.")
    left = answer.headers.get("x-relay-left-out", "")
    assert NATIVE == ("seed" not in left), left
    assert (KIND != "claude") == ("metadata" not in left), left
    answer = client.chat.completions.with_raw_response.create(model=PLAIN, messages=[user("say Hi.")], temperature=1.5)
    equal(answer.parse().choices[0].message.content, "Hi.")
    equal(sent()[-1]["temperature"], 1 if KIND == "claude" else 1.5)
    assert (KIND == "claude") == ("temperature" in answer.headers.get("x-relay-left-out", ""))
    client.chat.completions.create(model=PLAIN, messages=[user("say Hi.")], temperature=0.2, top_p=0.9)


@case
def models_are_listed():
    assert MODEL in [model.id for model in client.models.list()]


run()
