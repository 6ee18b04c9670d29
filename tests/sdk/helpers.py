"""What both SDKs' cases share: where the gateway is, whose key to use, how a refusal is checked."""

import os
import sys
import time

URL = os.environ["GATEWAY_URL"]
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def key(who):
    return f"sk-sdk-test-{who}-0123456789abcdef"


def refused(kind, status, call):
    """The call must raise exactly this class with this status; answers the error."""
    try:
        call()
    except Exception as error:
        assert type(error) is kind, f"expected {kind.__name__}, got {type(error).__name__}: {error}"
        assert error.status_code == status, f"expected {status}: {error}"
        assert error.response.headers["x-request-id"], "every answer has an id"
        assert error.response.headers["x-relay-error-origin"] in ("gateway", "upstream")
        return error
    raise AssertionError(f"expected {kind.__name__} ({status}), but the call went through")


def refused_in_the_end(kind, status, call, within=20):
    """Repeats a call until it is refused: what it used up is counted a moment after its answer."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            call()
        except Exception:
            return refused(kind, status, call)
    raise AssertionError(f"still going through after {within} s")


def pauses_of(call):
    """The pauses that the SDK makes before its retries, none of which is waited for."""
    pauses, sleep = [], time.sleep
    time.sleep = pauses.append
    try:
        call()
    except Exception as error:
        return pauses, error
    finally:
        time.sleep = sleep
    raise AssertionError("the call went through")


def run():
    CASES[sys.argv[1]]()
