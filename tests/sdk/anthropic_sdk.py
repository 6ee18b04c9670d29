"""The official Anthropic SDK, unchanged, against the gateway."""

import asyncio

import anthropic
from helpers import URL, case, key, pauses_of, refused, refused_in_the_end, run

MODEL = "claude-sonnet-4-5"
HELLO = [{"role": "user", "content": "hello"}]
WEATHER = [
    {
        "name": "weather",
        "description": "The weather somewhere",
        "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}},
    }
]
CALLS_THE_TOOL = {"toolCalls": [{"name": "weather", "arguments": {"location": "Paris"}}]}
USAGE = {"input": 10, "output": 5, "cacheRead": 3, "cacheCreation5m": 2}


def client(who="rich", max_retries=0):
    return anthropic.Anthropic(api_key=key(who), base_url=URL, max_retries=max_retries, timeout=60)


def ask(who="rich", script=None, model=MODEL, max_retries=0, **more):
    body = {"model": model, "max_tokens": 2000, "messages": HELLO, **more}
    if script is not None:
        body["extra_body"] = {"x_mock": script}
    return client(who, max_retries).messages.create(**body)


@case
def a_whole_answer():
    message = ask(script={"text": "Good day to you.", "usage": USAGE})
    assert message.content[0].text == "Good day to you."
    assert (message.type, message.role, message.model) == ("message", "assistant", MODEL)
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)
    assert (message.usage.cache_read_input_tokens, message.usage.cache_creation_input_tokens) == (3, 2)
    assert message._request_id, "the SDK finds the request's id"


@case
def a_streamed_answer():
    asked = {"model": MODEL, "max_tokens": 100, "messages": HELLO}
    script = {"x_mock": {"text": "One two three.", "usage": USAGE}}
    with client().messages.stream(**asked, extra_body=script) as stream:
        assert "".join(stream.text_stream) == "One two three."
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.input_tokens, final.usage.output_tokens) == ("end_turn", 10, 5)
    kinds = [event.type for event in client().messages.create(**asked, stream=True, extra_body=script) if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"], kinds
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"], kinds


@case
def a_tool_is_called_and_answered():
    message = ask(script=CALLS_THE_TOOL, tools=WEATHER)
    call = message.content[-1]
    assert (message.stop_reason, call.type, call.name, call.input) == ("tool_use", "tool_use", "weather", {"location": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
    turns = [*HELLO, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    assert ask(script={"text": "It rains."}, tools=WEATHER, messages=turns).content[0].text == "It rains."
    asked = {"model": MODEL, "max_tokens": 100, "messages": HELLO, "tools": WEATHER}
    with client().messages.stream(**asked, extra_body={"x_mock": CALLS_THE_TOOL}) as stream:
        parts = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert "".join(parts) == '{"location":"Paris"}', parts
    assert final.content[-1].input == {"location": "Paris"}


@case
def thinking_keeps_its_signature():
    thinking = {"type": "enabled", "budget_tokens": 1024}
    script = {"text": "42", "thinking": {"text": "let me see", "signature": "c2lnbmVk"}}
    message = ask(script=script, thinking=thinking)
    assert [block.type for block in message.content] == ["thinking", "text"]
    asked = {"model": MODEL, "max_tokens": 2000, "messages": HELLO, "thinking": thinking}
    with client().messages.stream(**asked, extra_body={"x_mock": script}) as stream:
        final = stream.get_final_message()
    for block in (message.content[0], final.content[0]):
        assert (block.thinking, block.signature) == ("let me see", "c2lnbmVk")


@case
def tokens_are_counted():
    assert client().messages.count_tokens(model=MODEL, messages=HELLO).input_tokens > 0


@case
def models_are_listed():
    names = [model.id for model in client().models.list()]
    assert MODEL in names and "claude-disabled" not in names, names
    assert [model.id for model in client().models.list(limit=1)] == names, "page by page it is the same list"
    assert client().models.retrieve(MODEL).id == MODEL
    refused(anthropic.NotFoundError, 404, lambda: client().models.retrieve("no-such-model"))


@case
def the_other_ways_in():
    bearer = anthropic.Anthropic(auth_token=key("rich"), base_url=URL, max_retries=0)
    assert bearer.messages.create(model=MODEL, max_tokens=10, messages=HELLO).content

    async def asynchronously():
        async with anthropic.AsyncAnthropic(api_key=key("rich"), base_url=URL, max_retries=0) as patient:
            async with patient.messages.stream(model=MODEL, max_tokens=10, messages=HELLO) as stream:
                return await stream.get_final_text()

    assert asyncio.run(asynchronously())


def expect(kind, status, error_type, **how):
    assert (error := refused(kind, status, lambda: ask(**how))).type == error_type, f"{error.type}: {error}"
    assert error.request_id, "the SDK finds the id of a refused request"
    return error


@case
def bad_requests():
    expect(anthropic.BadRequestError, 400, "invalid_request_error", model="")
    words = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages.0: the provider's own words"}}
    error = expect(anthropic.BadRequestError, 400, "invalid_request_error", script={"status": 400, "errorBody": words})
    assert error.body == words and error.response.headers["x-relay-error-origin"] == "upstream"
    refused(anthropic.UnprocessableEntityError, 422, lambda: ask(script={"status": 422}))
    expect(anthropic.ContentTooLargeError, 413, "request_too_large", messages=[{"role": "user", "content": "x" * 200_000}])
    encoded = {"content-encoding": "compress"}
    expect(anthropic.APIStatusError, 415, "request_too_large", extra_headers=encoded)


@case
def keys_and_rights():
    expect(anthropic.AuthenticationError, 401, "authentication_error", who="unknown")
    nobody = {"X-Api-Key": anthropic.Omit(), "Authorization": anthropic.Omit()}
    expect(anthropic.AuthenticationError, 401, "authentication_error", extra_headers=nobody)
    for who in ("disabled", "expired", "inactive", "elsewhere", "othermodels", "openai-only"):
        expect(anthropic.PermissionDeniedError, 403, "permission_error", who=who)
    for model in ("claude-disabled", "claude-unpriced"):
        expect(anthropic.PermissionDeniedError, 403, "permission_error", model=model)
    expect(anthropic.NotFoundError, 404, "not_found_error", model="no-such-model")


@case
def money():
    for who in ("broke", "nearlybroke"):
        expect(anthropic.PaymentRequiredError, 402, "billing_error", who=who)
    error = refused_in_the_end(anthropic.PaymentRequiredError, 402, lambda: ask("budget"))
    assert error.type == "billing_error"


@case
def limits():
    ask("onerequest")
    error = expect(anthropic.RateLimitError, 429, "rate_limit_error", who="onerequest")
    assert error.response.headers["anthropic-ratelimit-requests-limit"] == "1"
    assert 0 < int(error.response.headers["retry-after"]) <= 60
    ask("tentokens")
    error = expect(anthropic.RateLimitError, 429, "rate_limit_error", who="tentokens")
    assert error.response.headers["anthropic-ratelimit-tokens-limit"] == "10"
    with client("oneslot").messages.stream(
        model=MODEL, max_tokens=10, messages=HELLO, extra_body={"x_mock": {"hangAfter": 1}}
    ):
        error = expect(anthropic.RateLimitError, 429, "rate_limit_error", who="oneslot")
        assert int(error.response.headers["retry-after"]) > 0


@case
def providers_that_fail():
    expect(anthropic.InternalServerError, 502, "api_error", script={"status": 401})
    expect(anthropic.RequestTimeoutError, 408, "timeout_error", script={"status": 408})
    expect(anthropic.RateLimitError, 429, "rate_limit_error", script={"status": 429})
    expect(anthropic.InternalServerError, 500, "api_error", script={"status": 500})
    expect(anthropic.OverloadedError, 529, "overloaded_error", script={"status": 529})
    error = expect(anthropic.ServiceUnavailableError, 503, "overloaded_error", model="claude-asleep")
    assert int(error.response.headers["retry-after"]) > 0


@case
def streams_that_break():
    asked = {"model": MODEL, "max_tokens": 100, "messages": HELLO}
    for script in ({"errorEventAfter": 2}, {"cutAfter": 2}, {"endsAfter": 2}):
        try:
            with client().messages.stream(**asked, extra_body={"x_mock": {"text": "a b c d e", **script}}) as stream:
                stream.get_final_message()
        except anthropic.APIStatusError as error:
            assert error.type in ("api_error", "overloaded_error"), error
        else:
            raise AssertionError(f"{script}: the SDK took a broken stream for a whole one")


@case
def deadlines():
    expect(anthropic.GatewayTimeoutError, 504, "timeout_error", script={"hang": True})


@case
def maintenance():
    error = expect(anthropic.ServiceUnavailableError, 503, "overloaded_error")
    assert "back at noon" in str(error)
    pauses, error = pauses_of(lambda: ask(max_retries=3))
    assert pauses == [], "x-should-retry: false"
    assert client().models.retrieve(MODEL).id == MODEL, "reading goes on"


@case
def retries():
    pauses, error = pauses_of(lambda: ask(max_retries=1, script={"status": 429, "headers": {"retry-after": "7"}}))
    assert isinstance(error, anthropic.RateLimitError) and len(pauses) == 1 and 7 <= pauses[0] < 9, (pauses, error)
    refused_in_the_end(anthropic.RateLimitError, 429, lambda: ask("onetokenaday"))
    pauses, error = pauses_of(lambda: ask("onetokenaday", max_retries=3))
    assert (pauses, error.type) == ([], "rate_limit_error"), "the day's quota does not come back by trying"


run()
