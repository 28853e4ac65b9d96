"""Those who ask: chats and tasks as Open WebUI sends them, and what clients do that do not wait for the end."""

import json
import socket
import struct
import threading
import time

from stage import CONTROL_PORT, PORT

HUGE = 500_000  # bytes
LONGEST_WAIT = 30  # seconds without a byte: then it hangs


def chat_body(random, size, image=0):
    """With so much text; and with an image where that is so large, for the simulated model counts no tokens there."""
    words = "".join(random.choice("abcdefghij ") for _ in range(997))
    message = {"role": "user", "content": f"{random.random()} " + words * (size // len(words))}
    if image:
        message["images"] = ["iVBORw0K" * (image // 8)]
    return json.dumps({"model": "llama3.1:8b", "stream": True, "messages": [message]}).encode()


def task_body(random):
    return json.dumps({"model": "llama3.1:8b", "stream": False, "messages": [{"role": "user", "content":
        "### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\nJSON format: { \"title\": "
        "\"your concise title here\" }\n### Chat History:\n<chat_history>\nUSER: " + str(random.random()) +
        "\nASSISTANT: Rice.\n</chat_history>"}]}).encode()


def framed(body, random, chunked):
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost:11434\r\nContent-Type: application/json\r\n"
    if not chunked:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces = []
    while body:
        count = random.randint(1, 65536)
        pieces.append(b"%x\r\n" % len(body[:count]) + body[:count] + b"\r\n")
        body = body[count:]
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"


class Answer:
    """One answer, read from a socket: whole, cut, or given up by whoever asked."""

    def __init__(self, connection):
        self.connection = connection
        self.bytes = b""

    def more(self):
        piece = self.connection.recv(65536)
        self.bytes += piece
        return bool(piece)

    def whole(self):
        head, found, body = self.bytes.partition(b"\r\n\r\n")
        if not found:
            return False
        fields = head.lower()
        if b"transfer-encoding: chunked" in fields:
            return body.endswith(b"0\r\n\r\n")
        length = fields.partition(b"content-length: ")[2].split(b"\r\n")[0]
        return bool(length) and len(body) >= int(length)

    def status(self):
        return int(self.bytes.split(b" ", 2)[1]) if self.bytes.startswith(b"HTTP/1.1 ") else 0

    def models_own_time(self):
        at = self.bytes.rfind(b'"total_duration":')
        return int(self.bytes[at + 17:].split(b",")[0].split(b"}")[0]) / 1e9 if at >= 0 else None


class Person(threading.Thread):
    """Asks one thing after the other on one port until told to stop."""

    def __init__(self, stage, random, port, over, tasks=False, well_behaved=False):
        super().__init__(daemon=True)
        self.stage, self.random, self.port, self.over = stage, random, port, over
        self.tasks, self.well_behaved = tasks, well_behaved
        self.connection = None
        self.ended = {}
        self.beyond = []  # seconds beyond the model's own time, undisturbed and small
        self.wrong = []
        self.bodies = [chat_body(random, 100_000), chat_body(random, 1000, 300_000), chat_body(random, 1000, 8_000_000)]

    def run(self):
        while not self.over.is_set():
            how = "waits" if self.well_behaved else self.random.choices(
                ["waits", "resets", "half_closes", "leaves_upload", "is_slow"], [80, 8, 4, 4, 4])[0]
            begin = time.monotonic()
            try:
                outcome = self.ask(how)
            except TimeoutError:
                outcome = "hangs"
            except OSError:
                outcome = "cut"
            undisturbed = not self.stage.disturbed(begin, time.monotonic())
            if outcome == "hangs" or (outcome.startswith(("cut", "failed")) and how == "waits" and undisturbed):
                self.wrong.append({"what": outcome, "how": how, "task": self.tasks, "port": self.port,
                                   "after": round(begin - self.stage.begun, 3),
                                   "seconds": round(time.monotonic() - begin, 3)})
            if outcome != "answered":
                self.leave(reset=False)
            self.ended[how + ": " + outcome] = self.ended.get(how + ": " + outcome, 0) + 1
            time.sleep(self.random.uniform(0, 0.05))
        self.leave(reset=False)

    def leave(self, reset):
        if self.connection is None:
            return
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.connection = None

    def request(self):
        if self.tasks:
            return task_body(self.random), False
        if self.random.random() < 0.05 and not self.well_behaved:
            return self.random.choice(self.bodies), True
        return chat_body(self.random, 1000), False

    def ask(self, how):
        body, large = self.request()
        wire = framed(body, self.random, how == "is_slow" or self.random.random() < 0.2)
        fresh = self.connection is None or self.random.random() < 0.3
        if fresh:
            self.leave(reset=False)
        begin = time.monotonic()
        if fresh:
            self.connection = socket.create_connection(("127.0.0.1", self.port), LONGEST_WAIT)
        if how == "leaves_upload":
            self.connection.sendall(wire[:self.random.randint(1, len(wire) - 1)])
            self.leave(reset=self.random.random() < 0.5)
            return "left"
        if how == "is_slow":
            cut = self.random.randint(1, len(wire) - 1)
            self.connection.sendall(wire[:cut])
            time.sleep(self.random.uniform(0, 0.2))
            wire = wire[cut:]
        self.connection.sendall(wire)
        if how == "half_closes":
            self.connection.shutdown(socket.SHUT_WR)
        if len(wire) > HUGE:  # the simulated model reads it in its only thread
            with self.stage.trouble("huge_body"):
                return self.receive(how, begin, True)
        return self.receive(how, begin, large or how != "waits" or not fresh)

    def receive(self, how, begin, uncounted):
        answer = Answer(self.connection)
        if how == "resets":
            time.sleep(self.random.uniform(0, 0.08))
            self.leave(reset=True)
            return "left"
        while not answer.whole():
            if not answer.more():
                return "closed" if how == "half_closes" else "cut"
        return self.judge(answer, begin, uncounted)

    def judge(self, answer, begin, uncounted):
        end = time.monotonic()
        if answer.status() != 200:
            return f"failed with {answer.status()}"
        own = answer.models_own_time()
        if not self.tasks and not uncounted and own is not None and not self.stage.disturbed(begin, end):
            self.beyond.append(end - begin - own)
        return "answered"


def everybody(stage, random_of, over):
    chats = [Person(stage, random_of(i), PORT, over) for i in range(5)]
    tasks = [Person(stage, random_of(100 + i), PORT, over, tasks=True) for i in range(3)]
    through = [Person(stage, random_of(200), PORT, over, well_behaved=True)]
    direct = [Person(stage, random_of(300), CONTROL_PORT, over, well_behaved=True)]
    return chats + tasks + through + direct
