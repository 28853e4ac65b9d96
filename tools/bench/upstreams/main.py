"""Measures upstreams through the agent, each figure beside its control. See tools/bench/upstream."""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
AGENT = HERE.parents[2] / "build/release/bin/tasklaned"
TITLE = ("### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\nJSON format: "
         "{ \"title\": \"your concise title here\" }\n### Chat History:\n<chat_history>\nUSER: How do I cook rice?\n"
         "ASSISTANT: \n</chat_history>")


class Client:
    """One kept connection, in clear or by TLS."""

    def __init__(self, port, authority=None):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if authority:
            self.socket = ssl.create_default_context(cafile=authority).wrap_socket(self.socket, server_hostname="localhost")
        self.rest = b""

    def ask(self, model, stream):
        """Seconds that a title takes, and its text."""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": TITLE}], "stream": stream}).encode()
        request = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"X-OpenWebUI-Task: title_generation\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        begun = time.perf_counter()
        self.socket.sendall(request)
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(self.rest) < length:
            self.rest += self.more()
        answer, self.rest = self.rest[:length], self.rest[length:]
        return time.perf_counter() - begun, answer.decode()

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("it is closed")
        return piece


def started(command, **more):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    return process, int(process.stdout.readline())


class Stage:
    def __init__(self, folder):
        self.folder = folder
        self.certificate = folder / "both.pem"
        self.authority = folder / "ca.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                        "-keyout", folder / "key.pem", "-out", self.authority], check=True, capture_output=True)
        self.certificate.write_text((folder / "key.pem").read_text() + self.authority.read_text())
        folder.chmod(0o755)
        self.authority.chmod(0o644)
        self.running = []
        self.model = self.service("ByTheModel")
        self.plain = self.service("ByThePlainOne")
        self.secure = self.service("ByTheSecureOne", tls=True)

    def service(self, name, port=0, tls=False):
        command = [sys.executable, HERE / "service.py", str(port), name] + ([str(self.certificate)] if tls else [])
        process, port = started(command)
        self.running.append(process)
        return process, port

    def agent(self, upstreams):
        """Its process and port; a title for the model `x` goes to the upstream `x`, where there is one."""
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        folder.chmod(0o777)
        rules = [{"name": name, "when": {"class": "title", "model": name},
                  "then": {"route": [name, "model"], "lane": "background", "settle": "0s", "coalesce": False}}
                 for name in upstreams]
        rules.append({"name": "titles", "when": {"class": "title"},
                      "then": {"route": "model", "lane": "background", "settle": "0s", "coalesce": False}})
        config = {"version": 1, "listen": [{"address": f"127.0.0.1:{port}", "to": f"http://127.0.0.1:{self.model[1]}"}],
                  "packs": ["open-webui"], "control": {"socket": str(folder / "control.sock")},
                  "upstreams": {"model": {"address": "original"}, **upstreams}, "rules": rules}
        (folder / "rules.json").write_text(json.dumps(config))
        process = subprocess.Popen([AGENT, "--config", folder / "rules.json"], stderr=open(folder / "log", "w"))
        self.running.append(process)
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return process, port
            time.sleep(0.05)
        raise RuntimeError("the agent does not listen: " + (folder / "log").read_text())

    def upstreams(self):
        common = {"model": "m", "dialect": "openai", "slots": 8, "own_compute": True}
        return {"plain": {"url": f"http://127.0.0.1:{self.plain[1]}/v1", **common},
                "secure": {"url": f"https://localhost:{self.secure[1]}/v1", "ca_file": str(self.authority), **common}}

    def end(self):
        for process in self.running:
            process.kill()


def spread(seconds):
    ordered = sorted(1000 * each for each in seconds)
    return {"p50": round(statistics.median(ordered), 3), "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 3)}


def latency(stage, port, requests):
    """By turns, so that whatever else the machine does befalls all alike."""
    ways = {"direct, in clear": (Client(stage.plain[1]), "plain", True),
            "direct, by TLS": (Client(stage.secure[1], stage.authority), "secure", True),
            "to the model": (Client(port), "other", False),
            "to an upstream in clear": (Client(port), "plain", False),
            "to an upstream by TLS": (Client(port), "secure", False)}
    took = {name: [] for name in ways}
    for i in range(requests + 20):
        for name, (client, model, stream) in ways.items():
            seconds, _ = client.ask(model, stream)
            if i >= 20:
                took[name].append(seconds)
    told = {name: spread(each) for name, each in took.items()}
    added = {kind: round(told[f"to an upstream {kind}"]["p50"] - told[f"direct, {kind}"]["p50"], 3)
             for kind in ("in clear", "by TLS")}
    return {"milliseconds": told, "added by the agent, p50": added}


def handshake(stage, times=30):
    """What a connection that is not kept costs: the control of the pool."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        Client(stage.secure[1], stage.authority)
        took.append(time.perf_counter() - begun)
    return spread(took)


def failover(stage, port):
    client = Client(port)
    client.ask("secure", False)
    stage.secure[0].kill()
    stage.secure[0].wait()
    told = []
    for _ in range(6):
        seconds, answer = client.ask("secure", False)
        told.append({"milliseconds": round(1000 * seconds, 3), "by": "model" if "ByTheModel" in answer else "upstream"})
    control, _ = client.ask("other", False)
    return {"requests behind the kill": told, "control: to the model, milliseconds": round(1000 * control, 3)}


def recovery(stage, port):
    """Seconds from when the service is there again until it serves; the pause of its breaker is 2 s at first."""
    stage.secure = stage.service("ByTheSecureOne", stage.secure[1], tls=True)
    begun = time.monotonic()
    client = Client(port)
    asked = 0
    while time.monotonic() - begun < 70:
        asked += 1
        _, answer = client.ask("secure", False)
        if "ByTheSecureOne" in answer:
            return {"seconds": round(time.monotonic() - begun, 2), "requests answered by the model meanwhile": asked - 1}
        time.sleep(0.02)
    return {"seconds": None}


def processor_seconds(agent):
    """Of the agent and whatever it started."""
    total = 0
    for pid in [agent.pid] + [int(p) for p in subprocess.run(["pgrep", "-P", str(agent.pid)], capture_output=True, text=True).stdout.split()]:
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0]) / 1e9
    return total


def at_rest(stage, seconds):
    """Percent of a core, while nobody asks: with the two upstreams and without, side by side."""
    agents = {"without upstreams": stage.agent({})[0], "with two upstreams": stage.agent(stage.upstreams())[0]}
    time.sleep(3)
    before = {name: processor_seconds(agent) for name, agent in agents.items()}
    time.sleep(seconds)
    return {name: round(100 * (processor_seconds(agent) - before[name]) / seconds, 4) for name, agent in agents.items()}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=500, help="of each way")
    options.add_argument("--rest", type=float, default=20, help="seconds at rest")
    wish = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(pathlib.Path(folder))
        try:
            _, port = stage.agent(stage.upstreams())
            result = {"latency": latency(stage, port, wish.requests), "a TLS handshake, milliseconds": handshake(stage)}
            result["failover"] = failover(stage, port)
            result["recovery"] = recovery(stage, port)
            result["at rest, percent of a core"] = at_rest(stage, wish.rest)
            print(json.dumps(result, indent=2))
        finally:
            stage.end()


if __name__ == "__main__":
    main()
