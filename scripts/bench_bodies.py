"""What large and refused requests cost, and what others notice of them. Used by scripts/bench."""

import gzip
import http.client
import json
import multiprocessing
import pathlib
import socket
import statistics
import threading
import time

MODEL, CONVERTED, QUICK = "claude-haiku-4-5", "converted", "quick"
AT_ONCE = 12


def memory(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def forget_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def send(port, key, body, more=""):
    """One request on a connection of its own, as it is; answers the status, 0 when the gateway hung up before it was read."""
    auth = f"x-api-key: {key}\r\n" if key else ""
    head = f"POST /v1/messages HTTP/1.1\r\nhost: bench\r\n{auth}anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        try:
            line.sendall(head.encode() + body)
        except OSError:
            pass
        try:
            said = line.recv(65536)
        except OSError:
            return 0
        return int(said.split(b" ", 2)[1]) if said else 0


def said(content, **more):
    return {"model": MODEL, "max_tokens": 16, "messages": [{"role": "user", "content": content}], **more}


def tool(name, schema):
    return {"name": name, "description": "A tool.", "input_schema": schema}


def nested(levels, inner):
    for _ in range(levels):
        inner = {"type": "object", "properties": {"p": inner}}
    return inner


def kinds():
    """Twenty large bodies, all legal, each large in another way."""
    text = lambda value: {"type": "text", "text": value}
    thing = {"type": "object", "properties": {"a": {"type": "string"}}}
    pixel = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo" * 8 + "AAAA"}}
    called = lambda value: said("hi", tools=[tool("t", thing)]) | {"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "t", "input": value}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}]}]}
    list_of = None
    for _ in range(100):
        list_of = [list_of]
    keys = {f"key{at}": at for at in range(100_000)}
    calls = [{"role": "user", "content": "hi"}]
    for at in range(9_000):
        calls.append({"role": "assistant", "content": [{"type": "tool_use", "id": f"toolu_{at}", "name": "t", "input": {"a": "b"}}]})
        calls.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{at}", "content": "done"}]})
    return {
        "messages": said("hi") | {"messages": [{"role": ("user", "assistant")[at % 2], "content": "a few words"} for at in range(19_999)]},
        "parts": said([text("x")] * 49_000),
        "tools": said("hi", tools=[tool(f"tool_{at}", thing) for at in range(1_990)]),
        "one text": said("words and more words " * 250_000),
        "long texts": said([text("x" * 100_000)] * 50),
        "escapes": said("\"\\\n\t" * 600_000),
        "Chinese": said("\u4e2d\u6587\U0001f40b" * 300_000),
        "deep schema": said("hi", tools=[tool(f"t{at}", nested(50, thing)) for at in range(500)]),
        "deep input": called(list_of),
        "wide schema": said("hi", tools=[tool("t", {"type": "object", "properties": {f"key{at}": {"type": "string"} for at in range(90_000)}})]),
        "enum": said("hi", tools=[tool("t", {"type": "object", "properties": {"e": {"enum": ["word"] * 400_000}}})]),
        "descriptions": said("hi", tools=[tool(f"t{at}", thing) | {"description": "x" * 5_000} for at in range(1_000)]),
        "images": said([pixel] * 20_000),
        "document": said([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUFB" * 1_500_000}}, text("read it")]),
        "tool results": said("hi", tools=[tool("t", thing)]) | {"messages": calls},
        "long result": said("hi", tools=[tool("t", thing)]) | {"messages": [calls[0], calls[1], {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_0", "content": [text("line")] * 49_000}]}]},
        "numbers": called({"list": list(range(490_000))}),
        "small keys": called(keys),
        "system parts": said("hi", system=[text("x")] * 49_000),
        "system text": said("hi", system="x" * 5_000_000),
    }


def someone_else(port, key, go_on, latencies):
    """Another user's small requests, one after the other on one connection, in a process of its own."""
    body = json.dumps(said("x" * 900) | {"model": QUICK})
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while go_on.is_set():
        began = time.monotonic()
        line.request("POST", "/v1/messages", body, headers)
        answer = line.getresponse()
        answer.read()
        latencies.put(((time.monotonic() - began) * 1000, answer.status))
        time.sleep(0.005)


def meanwhile(gateway, key, work):
    """Runs `work`; answers what another user's requests took in the meantime."""
    go_on, latencies = multiprocessing.Event(), multiprocessing.Queue()
    go_on.set()
    other = multiprocessing.Process(target=someone_else, args=(gateway.port, key, go_on, latencies))
    other.start()
    time.sleep(0.2)
    work()
    go_on.clear()
    found = []
    while other.is_alive() or not latencies.empty():
        try:
            found.append(latencies.get(timeout=0.1))
        except Exception:  # nothing came: look again whether it is over
            continue
    wrong = {status for _, status in found} - {200}
    if wrong:
        raise SystemExit(f"another user was answered {wrong}")
    return sorted(took for took, _ in found)


def disturbance(gateway, keys):
    """Rows: who asks, p50 and p99 of another user, statuses, peak memory, memory ten seconds later."""
    rows = []
    bodies = {name: json.dumps(body).encode() for name, body in kinds().items()}
    ways = [
        ("without balance", keys["poor"], MODEL, False),
        ("without balance, gzip", keys["poor"], MODEL, True),
        ("with balance, native", keys["rich"], MODEL, False),
        ("with balance, converted", keys["rich"], CONVERTED, False),
        ("with balance, converted, gzip", keys["rich"], CONVERTED, True),
    ]
    for who, key, model, packed in ways:
        statuses, worst, all_of = {}, ("", 0.0), []
        forget_peak(gateway.process.pid)
        for name, body in bodies.items():
            body = body.replace(f'"{MODEL}"'.encode(), f'"{model}"'.encode(), 1)
            more = "content-encoding: gzip\r\n" if packed else ""
            body = gzip.compress(body, 1) if packed else body

            def one():
                status = send(gateway.port, key, body, more)
                statuses[status] = statuses.get(status, 0) + 1

            def twelve():
                threads = [threading.Thread(target=one) for _ in range(AT_ONCE)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            took = meanwhile(gateway, keys["other"], twelve)
            all_of += took
            if took[-1] > worst[1]:
                worst = (name, took[-1])
        peak = memory(gateway.process.pid, "VmHWM")
        time.sleep(10)
        all_of.sort()
        p99 = all_of[int(len(all_of) * 0.99)]
        rows.append((who, statistics.median(all_of), p99, worst, statuses, peak, memory(gateway.process.pid)))
        print(f"{who}: p50 {rows[-1][1]:.1f} ms, p99 {p99:.1f} ms, longest {worst[1]:.0f} ms ({worst[0]}), {statuses}, peak {peak:.0f} MB, then {rows[-1][6]:.0f} MB", flush=True)
    return rows


def refusals(gateway, keys, cpu_seconds):
    """Rows: what ends how, CPU milliseconds a request, peak memory above that before."""
    small, large = json.dumps(said("x" * 900)).encode(), json.dumps(said("x" * 8_000_000)).encode()
    parts = json.dumps(said([{"type": "text", "text": "x"}] * 200_000)).encode()
    send(gateway.port, keys["limited"], small)
    cases = []
    for status, key in ((401, None), (402, keys["poor"]), (429, keys["limited"])):
        cases += [(status, "1 KB", key, small, ""), (status, "8 MB", key, large, "")]
        cases += [(status, "200,000 parts, gzip", key, gzip.compress(parts), "content-encoding: gzip\r\n")]
    cases += [(413, "40 MB", keys["rich"], b" " * 40_000_000, ""), (413, "256 KB of gzip for 256 MB", keys["rich"], gzip.compress(b" " * (256 << 20)), "content-encoding: gzip\r\n")]
    cases += [(400, "200,000 parts, gzip", keys["rich"], gzip.compress(parts), "content-encoding: gzip\r\n"), (400, "1 KB", keys["rich"], b"{" + small, "")]
    rows = []
    for status, what, key, body, more in cases:
        times = 200 if len(body) < 100_000 else 10
        before = memory(gateway.process.pid)
        forget_peak(gateway.process.pid)
        used = cpu_seconds(gateway.pids())
        found = {send(gateway.port, key, body, more) for _ in range(times)}
        used = (cpu_seconds(gateway.pids()) - used) / times * 1000
        if found - {status, 0}:
            raise SystemExit(f"{status} {what}: answered {found}")
        rows.append((status, what, used, max(0.0, memory(gateway.process.pid, "VmHWM") - before)))
        print(f"{status} {what}: {used:.2f} ms CPU, {rows[-1][3]:.1f} MB more", flush=True)
    return rows


def people(gateway, quick_upstream, upstream):
    """The keys these runs need, and the channels they ask."""
    price = {"inputPricePerMTok": 0.01, "outputPricePerMTok": 0.01}
    quick = gateway.call("POST", "/api/channels", {"name": "quick", "type": "claude", "apiKey": "sk-upstream", "models": [QUICK], "baseUrl": f"http://127.0.0.1:{quick_upstream}"})["id"]
    gateway.call("POST", "/api/channels", {"name": "converted", "type": "openai", "openAiProtocol": "chat_completions", "apiKey": "sk-upstream", "models": [CONVERTED], "baseUrl": f"http://127.0.0.1:{upstream}"})
    gateway.call("POST", "/api/model-prices", {"provider": "claude", "model": QUICK, **price})
    gateway.call("POST", "/api/model-prices", {"provider": "openai", "model": CONVERTED, **price})
    keys = {}
    for name, balance in (("poor", 0), ("rich", 1_000_000), ("other", 1_000_000), ("limited", 1_000_000)):
        account = {"username": f"bench-{name}", "email": f"{name}@example.com", "password": "bench-password"}
        user = gateway.call("POST", "/api/users", account)["id"]
        if balance:
            gateway.call("PATCH", f"/api/users/{user}/quota", {"adjustUsd": balance, "reason": "bench"})
        # The first channel serves every model: without this the other user's requests would go to the provider that the large bodies keep busy.
        more = {"limited": {"rateLimitRpm": 1}, "other": {"channelId": quick}}.get(name, {})
        keys[name] = gateway.call("POST", "/api/keys", {"name": "bench", "userId": user, **more})["key"]
    return keys


def lines(refused, disturbed):
    """Both tables for docs/performance.md."""
    page = ["", "| ends in | body | CPU ms/request | memory above before, MB |", "|---|---|---|---|"]
    page += [f"| {status} | {what} | {used:.2f} | {more:.1f} |" for status, what, used, more in refused]
    page += ["", f"Twenty kinds of large legal body (1 to 7 MB: messages, parts, tools, texts, schemas, images, numbers …), {AT_ONCE} at once of each, and "
             "meanwhile another user's 1 KB requests:", "",
             "| large bodies by a key | other user: p50 ms | p99 ms | longest ms | answers | peak memory MB | 10 s later |", "|---|---|---|---|---|---|---|"]
    for who, p50, p99, worst, statuses, peak, later in disturbed:
        told = ", ".join(f"{count} × {status or 'hung up'}" for status, count in sorted(statuses.items()))
        page.append(f"| {who} | {p50:.1f} | {p99:.1f} | {worst[1]:.0f} | {told} | {peak:.0f} | {later:.0f} |")
    return page
