"""The SDKs' published types, made strict: a field they do not know, or a value of another type, is refused.

Types of requests are their TypedDicts, types of answers and events their models.
"""

import functools
import threading
import warnings
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import core_schema
from pydantic._internal._generate_schema import GenerateSchema

warnings.filterwarnings("ignore", message=".*allows extra items.*")
warnings.filterwarnings("ignore", message="Subclassing `GenerateSchema`.*")


# Held while a type is read: `_of_requests` puts another reader into pydantic's place, which no other thread may meet.
_READING = threading.RLock()


class Refusal(Exception):
    """An answer with a status other than 200, in the vendor's shape."""

    def __init__(self, status, message, kind=None, param=None, code=None, details=None):
        super().__init__(message)
        self.status, self.message, self.kind, self.param, self.code, self.details = status, message, kind, param, code, details


def refuse(message, param=None, code=None):
    raise Refusal(400, message, "invalid_request_error", param, code)


def rule(holds, message, param=None, code=None):
    """A rule of the real API that its types cannot say."""
    if not holds:
        refuse(message, param, code)


class _Requests(GenerateSchema):
    """Lists are looked into at once, and the SDKs' answer types, which take anything, are no request."""

    def _iterable_schema(self, type_):
        return core_schema.list_schema(self.generate_schema(self._get_first_arg_or_any(type_)))

    def _model_schema(self, cls):
        return core_schema.is_instance_schema(cls)


def _of_requests(type_):
    from pydantic import type_adapter

    with _READING:
        usual, type_adapter._generate_schema.GenerateSchema = type_adapter._generate_schema.GenerateSchema, _Requests
        try:
            return TypeAdapter(list[type_], config=ConfigDict(extra="forbid", strict=True))
        finally:
            type_adapter._generate_schema.GenerateSchema = usual


@functools.cache
def request_types(kind):
    """(whole, streamed) requests of one API."""
    if kind == "messages":
        from anthropic.types import message_create_params as params

        return _of_requests(params.MessageCreateParamsNonStreaming), _of_requests(params.MessageCreateParamsStreaming)
    if kind == "messages beta":
        from anthropic.types.beta import message_create_params as params

        return _of_requests(params.MessageCreateParamsNonStreaming), _of_requests(params.MessageCreateParamsStreaming)
    if kind == "chat":
        from openai.types.chat import completion_create_params as params

        return _of_requests(params.CompletionCreateParamsNonStreaming), _of_requests(params.CompletionCreateParamsStreaming)
    from openai.types.responses import response_create_params as params

    return _of_requests(params.ResponseCreateParamsNonStreaming), _of_requests(params.ResponseCreateParamsStreaming)


def check_request(kind, body):
    """Refuses a body that is not of the type; the message names the first place, as the vendors' do."""
    whole, streamed = request_types(kind)
    try:
        (streamed if body.get("stream") else whole).validate_python([body])
    except ValidationError as error:
        raise Refusal(400, *_likeliest(error.errors(include_url=False, include_input=False))) from None


def _likeliest(faults):
    """What is wrong, as the vendors say it: of a union's branches the one with the fewest faults."""
    branches = {}
    for fault in faults:
        branch = max((at for at, part in enumerate(fault["loc"]) if not _is_place(part)), default=-1)
        branches.setdefault(fault["loc"][: branch + 1], []).append(fault)
    is_other_kind = lambda group: any(fault["loc"][-1] in ("type", "role") for fault in group)
    group = min(branches.values(), key=lambda group: (is_other_kind(group), len(group), -len(group[0]["loc"])))
    told = [f"{'.'.join(str(part) for part in fault['loc'][1:] if _is_place(part))}: {fault['msg']}" for fault in group]
    return "; ".join(told), "invalid_request_error", told[0].partition(":")[0]


def _is_place(part):
    """Whether this step of a path is a field or an index, and no name of a type."""
    return isinstance(part, int) or not (part[:1].isupper() or "[" in part or part in ("str", "int", "float", "bool", "dict"))


# What only the SDK for Node publishes.
ELSEWHERE = {"ResponseFunctionCallArgumentsDoneEvent": {"name"}}


@functools.cache
def _answers(type_):
    with _READING:
        return TypeAdapter(type_)


def checked(type_, value):
    """The value, which must be of the type and have nothing beyond it."""
    _nothing_beyond(_answers(type_).validate_python(value))
    return value


def _nothing_beyond(thing: Any):
    if isinstance(thing, BaseModel):
        beyond = set(thing.model_extra or ()) - ELSEWHERE.get(type(thing).__name__, set())
        assert not beyond, f"{type(thing).__name__} has no {sorted(beyond)}"
        for name in thing.model_fields_set:
            _nothing_beyond(getattr(thing, name))
    elif isinstance(thing, (list, tuple)):
        for one in thing:
            _nothing_beyond(one)
    elif isinstance(thing, dict):
        for one in thing.values():
            _nothing_beyond(one)
