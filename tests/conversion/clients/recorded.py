"""What real clients sent, sent again: every recorded request is taken by a channel of any kind."""

import json
import urllib.error
import urllib.request
from pathlib import Path

from kit import ADAPTIVE, KEY, KIND, MODEL, PLAIN, URL, case, run

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "recorded"
BETAS = {"context_management": "context-management-2025-06-27", "thread": "message-threads-2026-08-12"}
PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}


def protocol_of(body):
    if "input" in body:
        return "responses"
    return "messages" if "max_tokens" in body and body["model"].startswith("claude") else "chat"


def model_for(body):
    """A model of this channel that is asked for the like."""
    asked = body["model"]
    return ADAPTIVE if asked.startswith("claude-opus") else PLAIN if asked in ("gpt-4o", "gpt-4.1") else MODEL


def post(path, body):
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}
    betas = [beta for field, beta in BETAS.items() if field in body]
    headers |= {"anthropic-beta": ",".join(betas)} if betas else {}
    headers |= {"user-agent": "codex"} if "client_metadata" in body else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{URL}{path}", json.dumps(body).encode(), headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@case
def every_recorded_request_is_taken():
    problems = []
    for file in sorted(FOLDER.glob("*.json")):
        body = json.loads(file.read_text())
        protocol = protocol_of(body)
        status, told = post(PATHS[protocol], {**body, "model": model_for(body)})
        # Where nothing is held for the client its SDK is told so, and goes on without.
        wanted = 400 if KIND != "claude" and "thread" in body else 200
        broken = "event: error" in told or "response.failed" in told
        if status != wanted or broken or (wanted == 400) != ("thread_unsupported_request" in told):
            problems.append(f"{file.name}: {status} {told[:400]}")
    assert not problems, "\n" + "\n".join(problems)


run()
