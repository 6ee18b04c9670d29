"""The official OpenAI SDK, unchanged, against the gateway."""

import asyncio

import openai
from helpers import URL, case, key, pauses_of, refused, refused_in_the_end, run

MODEL = "gpt-5-mini"
HELLO = [{"role": "user", "content": "hello"}]
LOCATION = {"type": "object", "properties": {"location": {"type": "string"}}}
CALLS_THE_TOOL = {"toolCalls": [{"name": "weather", "arguments": {"location": "Paris"}}]}
USAGE = {"input": 10, "output": 5, "cacheRead": 3, "reasoning": 2}


def client(who="rich", max_retries=0):
    return openai.OpenAI(api_key=key(who), base_url=f"{URL}/v1", max_retries=max_retries, timeout=60)


def ask(who="rich", script=None, model=MODEL, max_retries=0, **more):
    body = {"model": model, "messages": HELLO, **more}
    if script is not None:
        body["extra_body"] = {"x_mock": script}
    return client(who, max_retries).chat.completions.create(**body)


@case
def a_whole_answer():
    answer = ask(script={"text": "Good day to you.", "usage": USAGE})
    assert answer.choices[0].message.content == "Good day to you."
    assert (answer.object, answer.model, answer.choices[0].finish_reason) == ("chat.completion", MODEL, "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (13, 5)
    assert answer.usage.prompt_tokens_details.cached_tokens == 3
    assert answer._request_id, "the SDK finds the request's id"


@case
def a_streamed_answer():
    script = {"text": "One two three.", "usage": USAGE}
    chunks = list(ask(script=script, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "One two three."
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(getattr(chunk, "usage", None) is None for chunk in chunks), "usage that was not asked for"
    chunks = list(ask(script=script, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 5
    with client().chat.completions.stream(model=MODEL, messages=HELLO, extra_body={"x_mock": script}) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.content == "One two three."


@case
def a_tool_is_called_and_answered():
    tools = [{"type": "function", "function": {"name": "weather", "parameters": LOCATION}}]
    message = ask(script=CALLS_THE_TOOL, tools=tools).choices[0].message
    call = message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("weather", '{"location":"Paris"}')
    turns = [*HELLO, message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    assert ask(script={"text": "It rains."}, tools=tools, messages=turns).choices[0].message.content == "It rains."
    chunks = [chunk.choices[0] for chunk in ask(script=CALLS_THE_TOOL, tools=tools, stream=True)]
    parts = [call.function.arguments or "" for chunk in chunks for call in chunk.delta.tool_calls or []]
    assert ("".join(parts), chunks[-1].finish_reason) == ('{"location":"Paris"}', "tool_calls")


@case
def responses():
    script = {"x_mock": {"text": "Good day.", "usage": USAGE}}
    first = client().responses.create(model=MODEL, input="hello", extra_body=script)
    assert (first.output_text, first.status, first.usage.output_tokens) == ("Good day.", "completed", 5)
    second = client().responses.create(model=MODEL, input="go on", previous_response_id=first.id)
    assert second.previous_response_id == first.id and second.output_text
    go_on = lambda who, previous: client(who).responses.create(model=MODEL, input="x", previous_response_id=previous)
    refused(openai.NotFoundError, 404, lambda: go_on("rich", "resp_nobody_made_this"))
    refused(openai.NotFoundError, 404, lambda: go_on("friend", first.id))
    with client().responses.stream(model=MODEL, input="hello", extra_body=script) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed"), kinds
    assert (final.output_text, final.usage.output_tokens) == ("Good day.", 5)
    tools = [{"type": "function", "name": "weather", "parameters": LOCATION, "strict": False}]
    called = client().responses.create(model=MODEL, input="x", tools=tools, extra_body={"x_mock": CALLS_THE_TOOL})
    call = [item for item in called.output if item.type == "function_call"][0]
    assert (call.name, call.arguments) == ("weather", '{"location":"Paris"}')


@case
def embeddings():
    answer = client().embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert len(answer.data) == 2 and len(answer.data[0].embedding) > 0 and answer.usage.prompt_tokens > 0


@case
def models_are_listed():
    names = [model.id for model in client().models.list()]
    assert MODEL in names and "openai-disabled" not in names, names
    assert client().models.retrieve(MODEL).id == MODEL
    refused(openai.NotFoundError, 404, lambda: client().models.retrieve("no-such-model"))


@case
def the_other_ways_in():
    plain = openai.OpenAI(api_key=key("rich"), base_url=URL, max_retries=0)
    assert plain.chat.completions.create(model=MODEL, messages=HELLO).choices

    async def asynchronously():
        async with openai.AsyncOpenAI(api_key=key("rich"), base_url=f"{URL}/v1", max_retries=0) as patient:
            chunks = await patient.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
            return [chunk async for chunk in chunks]

    assert asyncio.run(asynchronously())


def expect(kind, status, code, **how):
    assert (error := refused(kind, status, lambda: ask(**how))).code == code, f"{error.code}: {error}"
    assert error.request_id, "the SDK finds the id of a refused request"
    return error


@case
def bad_requests():
    refused(openai.BadRequestError, 400, lambda: ask(model=""))
    words = {"message": "the provider's own words", "type": "invalid_request_error", "param": "messages", "code": "odd"}
    error = expect(openai.BadRequestError, 400, "odd", script={"status": 400, "errorBody": {"error": words}})
    assert error.body == words and error.response.headers["x-relay-error-origin"] == "upstream"
    refused(openai.UnprocessableEntityError, 422, lambda: ask(script={"status": 422}))
    refused(openai.APIStatusError, 413, lambda: ask(messages=[{"role": "user", "content": "x" * 200_000}]))
    refused(openai.APIStatusError, 415, lambda: ask(extra_headers={"content-encoding": "compress"}))


@case
def keys_and_rights():
    expect(openai.AuthenticationError, 401, "invalid_api_key", who="unknown")
    expect(openai.AuthenticationError, 401, "invalid_api_key", extra_headers={"Authorization": openai.Omit()})
    for who in ("disabled", "expired", "inactive", "elsewhere", "othermodels", "claude-only"):
        expect(openai.PermissionDeniedError, 403, "permission_denied", who=who)
    for model in ("openai-disabled", "openai-unpriced"):
        expect(openai.PermissionDeniedError, 403, "permission_denied", model=model)
    expect(openai.NotFoundError, 404, "model_not_found", model="no-such-model")


@case
def money():
    for who in ("broke", "nearlybroke"):
        expect(openai.APIStatusError, 402, "insufficient_quota", who=who)
    error = refused_in_the_end(openai.APIStatusError, 402, lambda: ask("budget"))
    assert error.code == "insufficient_quota"


@case
def limits():
    ask("onerequest")
    error = expect(openai.RateLimitError, 429, "rate_limit_exceeded", who="onerequest")
    assert error.response.headers["x-ratelimit-limit-requests"] == "1"
    assert 0 < int(error.response.headers["retry-after"]) <= 60
    ask("tentokens")
    error = expect(openai.RateLimitError, 429, "rate_limit_exceeded", who="tentokens")
    assert error.response.headers["x-ratelimit-limit-tokens"] == "10"
    with ask("oneslot", stream=True, script={"hangAfter": 1}):
        error = expect(openai.RateLimitError, 429, "rate_limit_exceeded", who="oneslot")
        assert int(error.response.headers["retry-after"]) > 0


@case
def providers_that_fail():
    expect(openai.InternalServerError, 502, "upstream_error", script={"status": 401})
    expect(openai.APIStatusError, 408, "timeout", script={"status": 408})
    expect(openai.RateLimitError, 429, "rate_limit_exceeded", script={"status": 429})
    refused(openai.InternalServerError, 500, lambda: ask(script={"status": 500}))
    refused(openai.InternalServerError, 529, lambda: ask(script={"status": 529}))
    error = expect(openai.InternalServerError, 503, "service_unavailable", model="openai-asleep")
    assert int(error.response.headers["retry-after"]) > 0


@case
def streams_that_break():
    for script in ({"errorEventAfter": 2}, {"cutAfter": 2}, {"endsAfter": 2}):
        try:
            list(ask(stream=True, script={"text": "a b c d e", **script}))
        except openai.APIError as error:
            assert not isinstance(error, openai.APIConnectionError), error
        else:
            raise AssertionError(f"{script}: the SDK took a broken stream for a whole one")


@case
def deadlines():
    expect(openai.InternalServerError, 504, "timeout", script={"hang": True})


@case
def maintenance():
    error = expect(openai.InternalServerError, 503, "service_unavailable")
    assert "back at noon" in str(error)
    pauses, error = pauses_of(lambda: ask(max_retries=3))
    assert pauses == [], "x-should-retry: false"
    assert client().models.retrieve(MODEL).id == MODEL, "reading goes on"


@case
def retries():
    pauses, error = pauses_of(lambda: ask(max_retries=1, script={"status": 429, "headers": {"retry-after": "7"}}))
    assert isinstance(error, openai.RateLimitError) and len(pauses) == 1 and 7 <= pauses[0] < 9, (pauses, error)
    refused_in_the_end(openai.RateLimitError, 429, lambda: ask("onetokenaday"))
    pauses, error = pauses_of(lambda: ask("onetokenaday", max_retries=3))
    assert (pauses, error.code) == ([], "rate_limit_exceeded"), "the day's quota does not come back by trying"


run()
