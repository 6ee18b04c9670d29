"""Sends the request of each golden case through the official SDK, to a recorder on this machine, and writes into the case
what the SDK really sent.

usage: record.py FOLDER
"""

import http.server
import inspect
import json
import pathlib
import sys
import threading
import warnings

import anthropic
import openai

warnings.filterwarnings("ignore")


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies = []

    def do_POST(self):
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        answer = b'{"error": {"message": "recorded"}}'
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def sent(create, request):
    """What `create` sends for the fields of `request`; those that it has no argument for travel in `extra_body`."""
    known = set(inspect.signature(create).parameters) - {"extra_headers", "extra_query", "extra_body", "timeout"}
    arguments = {name: value for name, value in request.items() if name in known}
    others = {name: value for name, value in request.items() if name not in known}
    try:
        create(**arguments, extra_body=others or None, timeout=60)
    except (anthropic.BadRequestError, openai.BadRequestError):
        pass
    return Recorder.bodies.pop()


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    claude = anthropic.Anthropic(api_key="none", base_url=url, max_retries=0)
    gpt = openai.OpenAI(api_key="none", base_url=url + "/v1", max_retries=0)
    creates = {
        "messages": claude.messages.create,
        "chat_completions": gpt.chat.completions.create,
        "responses": gpt.responses.create,
    }
    changed = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
        case = json.loads(path.read_text())
        recorded = sent(creates[case["client"]], case["request"])
        changed += recorded != case["request"]
        case["request"] = recorded
        path.write_text(json.dumps(case, ensure_ascii=False, indent=1) + "\n")
    print(f"recorded; {changed} requests are not what they were")


main()
