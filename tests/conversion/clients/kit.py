"""What the Python clients share: where the gateway is, which models reach which channel, scripts for the provider."""

import base64
import json
import os
import struct
import sys
import traceback
import urllib.request
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "provider"))

URL, PROVIDER, KEY, KIND = (os.environ[name] for name in ("GATEWAY_URL", "PROVIDER_URL", "GATEWAY_KEY", "CHANNEL_KIND"))
MODELS = json.loads(os.environ["MODELS"])
MODEL, PLAIN, ADAPTIVE = MODELS["thinks"], MODELS["plain"], MODELS["adapts"]
CASES = []
USAGE = {"input": 100, "cache_read": 40, "cache_write": 20, "output": 30, "reasoning": 12}
LONG_NAME = "weather_" + "x" * 80
LOCATION = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"], "additionalProperties": False}
TEXT = "Good day to you.\u2028And \u201call\u201d that, caf\u00e9 \U0001f600."
FORTY = " ".join(f"word{number}" for number in range(40))


def case(function):
    CASES.append(function)
    return function


def script(*lines, before=""):
    """A prompt that tells the provider what to answer; `---` begins the next turn."""
    return before + "\n<<<\n" + "\n".join(lines) + "\n>>>"


def call(tool, **arguments):
    return f"call {tool} {json.dumps(arguments)}"


def png():
    """A picture of one red point."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")


PNG = base64.b64encode(png()).decode()
PAPER = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
PDF = base64.b64encode(PAPER).decode()
SEEN_PDF = f"application/pdf {len(PAPER)} bytes"
SEEN_PNG = f"image/png {len(png())} bytes"


def sent():
    """Bodies that reached the provider, in order."""
    with urllib.request.urlopen(f"{PROVIDER}/requests") as answer:
        return [request["body"] for request in json.load(answer)]


def raised(kind, call):
    """The error that the call must raise, of exactly this class."""
    try:
        call()
    except Exception as error:
        assert type(error) is kind, f"expected {kind.__name__}, got {type(error).__name__}: {error}"
        return error
    raise AssertionError(f"expected {kind.__name__}, but the call went through")


def equal(found, wanted):
    assert found == wanted, f"\n   found {found!r}\n  wanted {wanted!r}"


def openai_errors_are_told(openai, ask):
    """The provider's refusals as the SDK's own classes, in the provider's words; `ask` is either of its APIs."""
    for status, kind in ((400, openai.BadRequestError), (422, openai.UnprocessableEntityError), (429, openai.RateLimitError), (500, openai.InternalServerError)):
        for streamed in (False, True):
            error = raised(kind, lambda: ask(f"fail {status} the provider's own words", stream=streamed))
            equal(error.status_code, status)
            assert status >= 429 or "the provider's own words" in error.message, error.message
            assert error.type, error.body


def run():
    """All cases, or those named; every failure is told."""
    wanted, failed = sys.argv[1:], 0
    for one in CASES:
        if wanted and one.__name__ not in wanted:
            continue
        try:
            one()
        except Exception:
            failed += 1
            lines = traceback.format_exc().strip().split("\n")
            print(f"--- {one.__name__}\n" + "\n".join(lines[-14:]), flush=True)
    print(f"{len(CASES)} cases, {failed} failed")
    sys.exit(1 if failed else 0)
