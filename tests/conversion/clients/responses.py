"""The official OpenAI SDK's Responses, unchanged, against a channel of any kind."""

import json

import openai
from kit import FORTY, KEY, KIND, LOCATION, MODEL, MODELS, PDF, PLAIN, PNG, SEEN_PDF, SEEN_PNG, TEXT, URL, call, case, equal, openai_errors_are_told, raised, run, script, sent
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel
from published import checked

NATIVE = KIND == "responses"
WEATHER = [{"type": "function", "name": "weather", "description": "The weather somewhere", "parameters": LOCATION, "strict": True}]
SEALED = {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high", "summary": "auto"}, "store": False}
client = openai.OpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0, timeout=120)


def ask(*lines, model=MODEL, **more):
    return client.responses.create(**{"model": model, "input": script(*lines), **more})


def calls_of(response):
    return [item for item in response.output if item.type in ("function_call", "custom_tool_call")]


def events_of(*lines, **more):
    """The events of a stream, each held to its published type, in their legal order."""
    with client.responses.with_streaming_response.create(**{"model": MODEL, "input": script(*lines), "stream": True, **more}) as answer:
        lines = "".join(answer.iter_text()).split("\n")
    events = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:") and "[DONE]" not in line]
    for event in events:
        checked(ResponseStreamEvent, event)
    numbers = [event["sequence_number"] for event in events]
    # A native stream that breaks ends in an event that does not go on counting.
    equal(numbers[: -1 if NATIVE else None], list(range(len(events)))[: -1 if NATIVE else None])
    open_items = {}
    for event in events:
        kind, item = event["type"], event.get("item") or {}
        if kind == "response.output_item.added":
            equal(event["output_index"], len(open_items))
            open_items[event["output_index"]] = item["id"]
        elif "item_id" in event:
            equal(event["item_id"], open_items[event["output_index"]])
        elif kind == "response.output_item.done":
            equal(item["id"], open_items[event["output_index"]])
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    if events[-1]["type"] in ("response.completed", "response.incomplete"):
        equal(events[-1]["response"]["output"], done)
    return events


def check_usage(usage, reasoning=0):
    equal((usage.input_tokens, usage.output_tokens, usage.total_tokens), (160, 30, 190))
    equal((usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens), (40, reasoning))


@case
def a_whole_answer():
    answer = client.responses.with_raw_response.create(model=MODEL, input=script(f"say {TEXT}"))
    response = answer.parse()
    checked(Response, json.loads(answer.text))
    equal((response.output_text, response.status, response.model, response.error), (TEXT, "completed", MODEL, None))
    check_usage(response.usage)


@case
def a_streamed_answer():
    kinds = [event["type"] for event in events_of(f"say {TEXT}")]
    kinds = [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]]
    equal(kinds, ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"])
    with client.responses.stream(model=MODEL, input=script(f"say {TEXT}")) as stream:
        heard = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    equal((heard, final.output_text), (TEXT, TEXT))
    check_usage(final.usage)


@case
def the_conversation_so_far():
    earlier = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "Two", "annotations": []}]}
    turns = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "One"}]},
        earlier,
        {"role": "user", "content": "More"},
        {"role": "assistant", "content": "Also two"},
        {"role": "user", "content": script("recall", before="Three")},
    ]
    found = ask(input=turns, instructions="Be brief.").output_text.replace("\n\n", "\n")
    begins = ("system: Be brief.\nsystem: Be kind.\n", "system: Be brief.\nBe kind.\n")
    equal(found.removeprefix(begins[0]).removeprefix(begins[1]), "user: One\nassistant: Two\nuser: More\nassistant: Also two\nuser: Three")


@case
def tools_are_called_and_answered():
    first = {"role": "user", "content": script("say Looking.", call("weather", location="Paris"), call("weather", location="Rome"), "---", "report")}
    for streamed in (False, True):
        if streamed:
            with client.responses.stream(model=MODEL, input=[first], tools=WEATHER) as stream:
                stream.until_done()
                response = stream.get_final_response()
        else:
            response = ask(input=[first], tools=WEATHER)
        equal([item.type for item in response.output], ["message", "function_call", "function_call"])
        calls = calls_of(response)
        equal([json.loads(one.arguments)["location"] for one in calls], ["Paris", "Rome"])
        equal({one.status for one in calls}, {"completed"})
        turns = [first, *[item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]]
        for item in turns[1:]:
            for part in item.get("content") or []:
                part.pop("parsed", None)
        turns += [{"type": "function_call_output", "call_id": calls[0].call_id, "output": "rain"}]
        turns += [{"type": "function_call_output", "call_id": calls[1].call_id, "output": [{"type": "input_text", "text": "sun"}]}]
        equal(ask(input=turns, tools=WEATHER).output_text, "The tool said: rain | sun")
    kinds = {event["type"] for event in events_of(call("weather", location="Paris"), tools=WEATHER)}
    assert {"response.function_call_arguments.delta", "response.function_call_arguments.done"} <= kinds


@case
def tools_are_chosen():
    named = {"type": "function", "name": "weather"}
    for choice in ("auto", "required", named, {"type": "allowed_tools", "mode": "required", "tools": [named]}):
        one = calls_of(ask(call("weather", location="Paris"), tools=WEATHER, tool_choice=choice, parallel_tool_calls=False))[0]
        equal((one.name, json.loads(one.arguments)), ("weather", {"location": "Paris"}))
    equal(ask("say No.", tools=WEATHER, tool_choice="none").output_text, "No.")
    bare = [{"type": "function", "name": "now", "parameters": None, "strict": None}]
    equal(calls_of(ask(call("now"), tools=bare))[0].arguments, "{}")


@case
def freeform_tools_and_namespaces():
    tools = [
        {"type": "custom", "name": "patch", "description": "A patch", "format": {"type": "grammar", "syntax": "regex", "definition": ".*"}},
        {"type": "namespace", "name": "town", "description": "Of towns", "tools": [{"type": "function", "name": "mayor", "parameters": LOCATION, "strict": False}]},
    ]
    words = '*** a "patch"\nwith \\ lines \u2028'
    first = {"role": "user", "content": script(call("patch", input=words), call("mayor", location="Paris"), "---", "report")}
    for streamed in (False, True):
        if streamed:
            with client.responses.stream(model=MODEL, input=[first], tools=tools) as stream:
                stream.until_done()
                response = stream.get_final_response()
        else:
            response = ask(input=[first], tools=tools)
        patch, mayor = calls_of(response)
        equal((patch.type, patch.name, patch.input), ("custom_tool_call", "patch", words))
        equal((mayor.type, mayor.name, mayor.namespace), ("function_call", "mayor", "town"))
    turns = [first, *[item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]]
    turns += [{"type": "custom_tool_call_output", "call_id": patch.call_id, "output": "done"}, {"type": "function_call_output", "call_id": mayor.call_id, "output": "Ann"}]
    equal(ask(input=turns, tools=tools).output_text, "The tool said: done | Ann")
    inputs = [event["delta"] for event in events_of(call("patch", input=words), tools=tools) if event["type"] == "response.custom_tool_call_input.delta"]
    equal("".join(inputs), words)


@case
def tools_given_as_an_item():
    """How Codex offers its tools to the models it knows."""
    offered = {"type": "additional_tools", "role": "developer", "tools": [{"type": "namespace", "name": "functions", "description": "", "tools": WEATHER}]}
    turns = [offered, {"role": "user", "content": script(call("weather", location="Paris"))}]
    one = calls_of(ask(input=turns))[0]
    equal((one.name, one.namespace, json.loads(one.arguments)), ("weather", "functions", {"location": "Paris"}))


class Town(BaseModel):
    name: str
    people: int
    rivers: list[str]
    note: str | None


@case
def structured_output():
    response = client.responses.parse(model=MODEL, input=script("json"), text_format=Town)
    equal((response.output_parsed.name, response.output_parsed.people, response.output_parsed.rivers), ("word", 7, ["word"]))
    with client.responses.stream(model=MODEL, input=script("json"), text_format=Town) as stream:
        stream.until_done()
        equal(stream.get_final_response().output_parsed.people, 7)

    class weather(BaseModel):
        location: str

    tool = openai.pydantic_function_tool(weather)["function"]
    response = client.responses.parse(model=MODEL, input=script(call("weather", location="Paris")), tools=[{"type": "function", **tool}])
    equal(calls_of(response)[0].parsed_arguments["location"] if isinstance(calls_of(response)[0].parsed_arguments, dict) else calls_of(response)[0].parsed_arguments.location, "Paris")
    found = ask(input=script("json", before="Answer in JSON."), text={"format": {"type": "json_object"}}).output_text
    assert isinstance(json.loads(found), dict), found


@case
def pictures_and_documents():
    parts = [
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
        {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}", "filename": "paper.pdf"},
        {"type": "input_text", "text": script("describe")},
    ]
    found = ask(input=[{"role": "user", "content": parts}]).output_text
    equal(found, f"I see {SEEN_PNG}, https://example.com/a.png, {SEEN_PDF}")
    first = {"role": "user", "content": script(call("weather", location="Paris"), "---", "describe")}
    one = calls_of(ask(input=[first], tools=WEATHER))[0]
    result = {"type": "function_call_output", "call_id": one.call_id, "output": [parts[0]]}
    equal(ask(input=[first, one.model_dump(exclude_none=True), result], tools=WEATHER).output_text, f"I see {SEEN_PNG}")


@case
def reasoning_with_tools():
    turns, seen = [{"role": "user", "content": script("think I must look.", call("weather", location="Paris"), "---", "redacted", call("weather", location="Rome"), "---", "report")}], []
    for round_ in range(3):
        if round_ == 1:
            with client.responses.stream(model=MODEL, input=turns, tools=WEATHER, **SEALED) as stream:
                stream.until_done()
                response = stream.get_final_response()
        else:
            response = ask(input=turns, tools=WEATHER, **SEALED)
        seen += [item for item in response.output if item.type == "reasoning"]
        turns += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]
        turns += [{"type": "function_call_output", "call_id": one.call_id, "output": "rain"} for one in calls_of(response)]
    equal(response.output_text, "The tool said: rain")
    if KIND == "chat":
        return equal(seen, [])
    equal(len(seen), 2)
    equal((seen[0].summary[0].text, seen[1].summary), ("I must look.", []))
    assert all(item.encrypted_content and item.id.startswith("rs_") for item in seen)
    reached = json.dumps(sent()[-1])
    equal(reached.count('"thinking"') if KIND == "claude" else 0, 0 if NATIVE else reached.count('"thinking"'))
    assert NATIVE or ('"signature"' in reached and '"redacted_thinking"' in reached), reached
    kinds = {event["type"] for event in events_of("think I must look.", "say Done.", **SEALED)}
    assert {"response.reasoning_summary_part.added", "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done", "response.reasoning_summary_part.done"} <= kinds, kinds


@case
def thoughts_of_others():
    """Encrypted reasoning that this channel never made does no harm."""
    if NATIVE:
        return
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Elsewhere."}], "encrypted_content": "gAAAAAelsewhere"}
    turns = [{"role": "user", "content": "One"}, thought, {"role": "assistant", "content": "Two"}, {"role": "user", "content": script("say Fine.")}]
    equal(ask(input=turns, **SEALED).output_text, "Fine.")


@case
def items_in_odd_orders():
    """Calls and results as agents leave them: one after the other, crossed, with words between."""
    made = lambda name: {"type": "function_call", "call_id": name, "name": "weather", "arguments": "{}"}
    result = lambda name: {"type": "function_call_output", "call_id": name, "output": f"rain {name}"}
    begin, end = {"role": "user", "content": "One"}, {"role": "user", "content": script("say Fine.")}
    waiting, hurry = {"role": "assistant", "content": "Wait."}, {"role": "user", "content": "Hurry."}
    for middle in (
        [made("a"), result("a"), made("b"), result("b")],
        [made("a"), made("b"), result("b"), result("a")],
        [waiting, made("a"), result("a")],
        [made("a"), waiting, result("a")],
        [made("a"), hurry, result("a")],
        [made("a"), made("b"), result("a"), hurry, result("b")],
    ):
        equal(ask(input=[begin, *middle, end], tools=WEATHER).output_text, "Fine.")


@case
def items_by_reference():
    if NATIVE:
        return
    turns = [{"role": "user", "content": "One"}, {"role": "user", "content": script("say Two.")}]
    earlier = ask(input=turns)
    reference = {"type": "item_reference", "id": earlier.output[-1].id}
    found = ask(input=[turns[0], reference, {"role": "user", "content": script("recall", before="Three")}]).output_text
    equal(found, "user: One\nassistant: Two.\nuser: Three")
    raised(openai.BadRequestError, lambda: ask(input=[turns[0], {"type": "item_reference", "id": "msg_nobody"}, turns[1]]))


@case
def thoughts_in_the_open():
    """Providers beside OpenAI that tell their thoughts in Chat Completions."""
    if KIND != "chat":
        return
    response = ask("think I must look.", "say Done.", model=MODELS["shows"], **SEALED)
    equal([item.type for item in response.output], ["reasoning", "message"])
    equal(response.output[0].summary[0].text, "I must look.")
    turns = [{"role": "user", "content": "One"}, *[item.model_dump(exclude_none=True) for item in response.output], {"role": "user", "content": script("say Again.")}]
    equal(ask(input=turns, model=MODELS["shows"]).output_text, "Again.")
    kinds = [event["type"] for event in events_of("think I must look.", "say Done.", model=MODELS["shows"], **SEALED)]
    assert kinds.count("response.reasoning_summary_text.done") == 1, kinds


@case
def what_makers_want_to_see_again():
    """DeepSeek's, Kimi's, Mistral's and Gemini's refuse a tool turn without what they attached to it."""
    if KIND != "chat":
        return
    script_ = script("think I must look.", call("weather", location="Paris"), call("weather", location="Oslo"), "---", "think Once more.", "say Rome next.", call("weather", location="Rome"), "---", "report")
    for model in MODELS["makers"]:
        for streamed in (False, True):
            turns = [{"role": "user", "content": script_}]
            for _ in range(3):
                body = {"model": model, "input": turns, "tools": WEATHER, **SEALED}
                if streamed:
                    with client.responses.stream(**body) as stream:
                        for _event in stream:
                            pass
                        response = stream.get_final_response()
                else:
                    response = client.responses.create(**body)
                turns += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]
                turns += [{"type": "function_call_output", "call_id": one.call_id, "output": "rain"} for one in calls_of(response)]
            equal(response.output_text, "The tool said: rain")
            ask_again = [*turns, {"role": "user", "content": script("say Fine.")}]
            equal(ask(input=ask_again, model=PLAIN, tools=WEATHER).output_text, "Fine.")


@case
def going_on_from_a_response():
    if NATIVE:
        return
    first = ask(input=script("say Two.", before="One"))
    for streamed in (False, True):
        body = {"input": script("say Four.", before="Three"), "previous_response_id": first.id}
        if streamed:
            with client.responses.stream(model=MODEL, **body) as stream:
                for _event in stream:
                    pass
                second = stream.get_final_response()
        else:
            second = ask(**body)
        found = ask(input=script("recall", before="Five"), previous_response_id=second.id).output_text
        equal(found, "user: One\nassistant: Two.\nuser: Three\nassistant: Four.\nuser: Five")
    forgotten = ask("say Hi.", store=False)
    error = raised(openai.BadRequestError, lambda: ask("say Hi.", previous_response_id=forgotten.id))
    equal(error.param, "previous_response_id")


@case
def where_it_stops():
    response = ask(f"say {FORTY}", max_output_tokens=20)
    equal((response.output_text, response.status, response.incomplete_details.reason), (" ".join(FORTY.split(" ")[:20]), "incomplete", "max_output_tokens"))
    equal(events_of(f"say {FORTY}", max_output_tokens=20)[-1]["type"], "response.incomplete")
    response = ask("refuse I cannot do that.")
    parts = response.output[-1].content
    assert (parts[0].type, getattr(parts[0], "refusal", None)) == ("refusal", "I cannot do that.") or response.output_text == "I cannot do that."


@case
def errors_are_told():
    openai_errors_are_told(openai, ask)


@case
def streams_that_break():
    for order in ("break", "streamfail the provider's own words"):
        events = events_of("say One two three.", order)
        heard = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
        equal(heard, "One two three.")
        last = events[-1]
        equal(last["type"] in ("response.failed", "error"), True)
        assert order == "break" or "the provider's own words" in json.dumps(events[-2:]), events[-2:]
    for order in ("break", "empty"):
        equal(raised(openai.InternalServerError, lambda: ask("say One two three.", order)).status_code, 502)


@case
def however_events_are_written():
    for order in ("crlf", "nospace", "comments", "dribble", "joined", "endless"):
        with client.responses.stream(model=MODEL, input=script(f"sse {order}", f"say {TEXT}", call("weather", location=TEXT)), tools=WEATHER) as stream:
            stream.until_done()
            response = stream.get_final_response()
        equal((response.output_text, json.loads(calls_of(response)[0].arguments)), (TEXT, {"location": TEXT}))


@case
def neutral_values_and_hints():
    neutral = {"parallel_tool_calls": True, "text": {"format": {"type": "text"}}, "truncation": "disabled", "tool_choice": "auto", "background": False, "previous_response_id": None}
    equal(ask("say Hi.", extra_body=neutral).output_text, "Hi.")
    hints = {"user": "user-1", "service_tier": "auto", "metadata": {"a": "b"}, "prompt_cache_key": "cache", "safety_identifier": "someone", "text": {"verbosity": "low"}}
    answer = client.responses.with_raw_response.create(model=MODEL, input=script("say Hi."), **hints)
    equal(answer.parse().output_text, "Hi.")
    # Chat Completions takes metadata for what it stores.
    assert NATIVE == ("metadata" not in answer.headers.get("x-relay-left-out", ""))
    searching = [*WEATHER, {"type": "web_search"}]
    answer = client.responses.with_raw_response.create(model=MODEL, input=script("say Hi."), tools=searching)
    equal(answer.parse().output_text, "Hi.")
    assert NATIVE == ("tools.web_search" not in answer.headers.get("x-relay-left-out", ""))
    if not NATIVE:
        for more in ({"previous_response_id": "resp_1"}, {"background": True}, {"conversation": "conv_1"}, {"tools": searching[1:]}, {"tools": searching, "tool_choice": {"type": "web_search"}}):
            error = raised(openai.BadRequestError, lambda: ask("say Hi.", **more))
            assert any(name in error.message for name in ("tools", "tool_choice", *more)), error.message
    ask("say Hi.", model=PLAIN, temperature=0.2)


@case
def models_are_listed():
    assert MODEL in [model.id for model in client.models.list()]


run()
