"""A provider that speaks the three APIs and refuses what the real ones refuse.

Prints `listening on PORT`, then serves until its standard input ends. `GET /requests` gives everything that was asked
of it and what became of it, in order; `DELETE /requests` forgets it.
"""

import http.server
import importlib
import json
import os
import socket
import sys
import threading
import traceback

from published import Refusal
from script import plan

APIS = {"/messages": "messages", "/chat/completions": "chat", "/responses": "responses"}
KEPT_HEADERS = ("anthropic-version", "anthropic-beta", "user-agent", "x-api-key", "authorization", "accept")
requests, lock = [], threading.Lock()


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/requests":
            with lock:
                return self.reply(200, list(requests))
        if self.path.startswith("/v1/models"):
            return self.reply(200, {"object": "list", "data": [], "has_more": False})
        self.reply(404, {"error": {"message": f"no {self.path}", "type": "invalid_request_error", "param": None, "code": None}})

    def do_HEAD(self):
        self.reply(200, {})

    def do_DELETE(self):
        with lock:
            requests.clear()
        self.reply(200, {})

    def do_POST(self):
        path = self.path.partition("?")[0].removeprefix("/v1")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        record = {"path": path, "headers": {name: headers[name] for name in KEPT_HEADERS if name in headers}, "status": 200}
        with lock:
            requests.append(record)
        if path == "/messages/count_tokens":
            record["body"] = json.loads(body)
            return self.reply(200, {"input_tokens": 123})
        if path not in APIS:
            return self.reply(404, {"error": {"message": f"no {path}", "type": "invalid_request_error", "param": None, "code": None}})
        api = importlib.import_module(APIS[path])
        try:
            record["body"] = json.loads(body)
            ask = api.read(record["body"], headers)
            made = plan(ask)
            record["conversation"] = ask.conversation
            self.answer(api, ask, made, record["body"], bool(headers.get("anthropic-beta")))
        except Refusal as refusal:
            record.update(status=refusal.status, refused=refusal.message)
            extra = {"retry-after": "1"} if refusal.status == 429 else {}
            self.reply(refusal.status, api.error(refusal), **extra)
        except (ConnectionError, BrokenPipeError):
            record["status"] = "client left"
        except Exception:
            record.update(status="provider's fault", refused=traceback.format_exc())
            print(record["refused"], file=sys.stderr, flush=True)
            self.reply(500, {"error": {"message": f"the provider itself failed: {record['refused']}", "type": "server_error", "param": None, "code": None}})

    def answer(self, api, ask, made, body, beta):
        if made.empty:
            return self.bytes(200, b"", "text/event-stream" if ask.stream else "application/json")
        if ask.stream:
            return self.events(api, api.stream(ask, made, body, beta), made)
        if made.stream_error is not None:
            raise Refusal(500, made.stream_error)
        text = json.dumps(api.whole(ask, made, body, beta), ensure_ascii=False).encode()
        if made.breaks:
            self.head(200, "application/json", **{"content-length": str(len(text))})
            self.wfile.write(text[: len(text) // 2])
            return self.hang_up()
        self.bytes(200, text, "application/json")

    def events(self, api, events, made):
        """Server-sent events in the style of the script, each a chunk of its own."""
        end = "\r\n" if "crlf" in made.sse else "\n"
        space = "" if "nospace" in made.sse else " "
        self.head(200, "text/event-stream; charset=utf-8", **{"transfer-encoding": "chunked"})
        written = [self.event(name, data, made, end, space) for name, data in events]
        if "endless" in made.sse and events[-1][0] == "message_stop":
            written.pop()
        if api.__name__ == "chat" and not made.breaks and made.stream_error is None and "endless" not in made.sse:
            written.append(f"data:{space}[DONE]{end}{end}".encode())
        if "joined" in made.sse:
            written = [b"".join(written)]
        elif "dribble" in made.sse:
            written = [text[at : at + 1] for text in written for at in range(len(text))]
        for piece in written:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        if made.breaks:
            return self.hang_up()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def event(self, name, data, made, end, space):
        text = f": a comment{end}{end}" if "comments" in made.sse else ""
        text += f"event:{space}{name}{end}" if name else ""
        return (text + f"data:{space}{json.dumps(data, ensure_ascii=False)}{end}{end}").encode()

    def hang_up(self):
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def reply(self, status, value, **headers):
        self.bytes(status, json.dumps(value).encode(), "application/json", **headers)

    def bytes(self, status, text, content_type, **headers):
        self.head(status, content_type, **{"content-length": str(len(text)), **headers})
        if self.command != "HEAD":
            self.wfile.write(text)
        self.wfile.flush()

    def head(self, status, content_type, **headers):
        self.send_response(status)
        for name, value in {"content-type": content_type, "x-request-id": "req_provider", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    print(f"listening on {server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
