"""Traffic for the checks of the appliance: a model server that counts who asked it what, and clients that hold every answer to it.

  load.py model PORT                 serves chats; GET /asked tells how often each was asked
  load.py ask PORT [OPTION...]       asks PORT, lets something happen in the middle, and prints what became of it as JSON

Each chat has a name of its own, so that an answer that is missing, another's, torn or given twice is seen. A request is `before` what
happens when it was answered by then, `across` when it was on its way, `behind` when it began later than that ended.
"""
import argparse
import asyncio
import collections
import contextlib
import json
import os
import resource
import subprocess
import sys
import time

LONGEST = 30  # seconds without an answer: it is lost
TOKEN = 0.05  # seconds


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    return head[0], {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}


# ---- the model

class Model:
    def __init__(self):
        self.asked = collections.Counter()

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                line, fields = await read_head(reader)
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                await self.answer(line, body, writer)
        writer.close()

    async def answer(self, line, body, writer):
        if line.startswith("GET /asked "):
            return await self.whole(writer, self.asked)
        if not line.startswith("POST /api/chat "):
            return await self.whole(writer, {"version": "0.0.0"})
        chat = json.loads(body)
        name = chat["messages"][-1]["content"]
        self.asked[name] += 1
        if not chat["stream"]:
            return await self.whole(writer, {"message": {"role": "assistant", "content": name}, "done": True})
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(tokens := chat["options"]["num_predict"]):
            piece = json.dumps({"message": {"role": "assistant", "content": f"{name} {at}"}, "done": at + 1 == tokens}).encode() + b"\n"
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(TOKEN)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    @staticmethod
    async def whole(writer, value):
        body = json.dumps(value).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


# ---- the clients

def request(name, tokens=0, filler=0):
    chat = {"model": "sim", "stream": tokens > 0, "options": {"num_predict": tokens}, "filler": "x" * filler,
            "messages": [{"role": "user", "content": name}]}
    body = json.dumps(chat).encode()
    return b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Lost(Exception):
    """An answer that is not what was asked for."""


async def read_stream(reader, name, tokens):
    for at in range(tokens):
        size = int(await reader.readuntil(b"\r\n"), 16)
        piece = json.loads((await reader.readexactly(size + 2))[:-2])
        if piece["message"]["content"] != f"{name} {at}" or piece["done"] != (at + 1 == tokens):
            raise Lost(f"token {at} is {piece}")
    if await reader.readexactly(5) != b"0\r\n\r\n":
        raise Lost("the stream has no end")


class Client:
    def __init__(self, options):
        self.options = options
        self.idle = []  # connections that are kept
        self.ended = []  # (kind, begin, end, what is wrong or "")

    async def connection(self, kept):
        while kept and self.idle:
            reader, writer = self.idle.pop(0)
            if not reader.at_eof() and reader.exception() is None:
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self.options.port)

    async def exchange(self, kind, name, tokens, filler):
        reader, writer = await self.connection(kind == "kept")
        try:
            writer.write(request(name, tokens, filler))
            await writer.drain()
            line, fields = await read_head(reader)
            if not line.startswith("HTTP/1.1 200"):
                raise Lost(line)
            if tokens:
                await read_stream(reader, name, tokens)
            else:
                answer = json.loads(await reader.readexactly(int(fields["content-length"])))
                if answer["message"]["content"] != name:
                    raise Lost(f"the answer is another's: {answer}")
        except BaseException:
            writer.transport.abort()
            raise
        if kind == "kept" and fields.get("connection", "").lower() != "close":
            self.idle.append((reader, writer))
        else:
            writer.close()

    async def ask(self, kind, number, tokens=0, filler=0):
        begin, wrong = time.monotonic(), ""
        try:
            await asyncio.wait_for(self.exchange(kind, f"{kind} {number} {begin}", tokens, filler), LONGEST + tokens * TOKEN)
        except asyncio.TimeoutError:
            wrong = "no answer"
        except (OSError, Lost, ValueError, KeyError, asyncio.IncompleteReadError) as error:
            wrong = f"{type(error).__name__}: {error}"
        self.ended.append((kind, begin, time.monotonic(), wrong))

    async def at_a_rate(self, end):
        """Half of them on connections of their own, half on ones that are kept."""
        asks, begun, number = [], time.monotonic(), 0
        while time.monotonic() < end:
            asks.append(asyncio.create_task(self.ask("kept" if number % 2 else "fresh", number, filler=self.options.filler)))
            number += 1
            await asyncio.sleep(max(0.0, begun + number / self.options.rate - time.monotonic()))
        await asyncio.gather(*asks)

    async def stream_on(self, place, end):
        await asyncio.sleep(place * self.options.tokens * TOKEN / self.options.streams)
        number = 0
        while time.monotonic() < end:
            await self.ask("stream", f"{place}.{number}", self.options.tokens)
            number += 1


async def end_of(process, seconds):
    """When it was first seen to be gone; its sockets are closed a little before that."""
    until = time.monotonic() + seconds
    while os.path.exists(f"/proc/{process}/fd/0") and time.monotonic() < until:
        await asyncio.sleep(0.005)
    return time.monotonic()


async def happen(options, times):
    if options.end_of:
        gone = await end_of(options.end_of, options.seconds)
        return times.extend([gone - 0.2, gone])
    await asyncio.sleep(options.seconds / 3)
    times.append(time.monotonic())
    if options.meanwhile:
        process = await asyncio.create_subprocess_shell(options.meanwhile, stdout=subprocess.DEVNULL, stderr=sys.stderr)
        if await process.wait() != 0:
            sys.exit(f"failed: {options.meanwhile}")
    times.append(time.monotonic())


async def asked(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /asked HTTP/1.1\r\nHost: localhost\r\n\r\n")
    _, fields = await read_head(reader)
    body = await reader.readexactly(int(fields["content-length"]))
    writer.close()
    return json.loads(body)


def summary(options, client, times, counts):
    def when(begin, end):
        return "before" if end < times[0] else "across" if begin < times[1] + options.grace else "behind"
    kinds = {}
    for kind, begin, end, wrong in client.ended:
        row = kinds.setdefault(kind, {"asked": 0, "before": 0, "across": 0, "behind": 0, "slowest": 0.0})
        row["asked"] += 1
        row["slowest"] = max(row["slowest"], round(end - begin, 3))
        row[when(begin, end)] += wrong != ""
    wrong = collections.Counter(f"{kind} {when(begin, end)}: {wrong}" for kind, begin, end, wrong in client.ended if wrong)
    return {"failed": {when: sum(row[when] for row in kinds.values()) for when in ("before", "across", "behind")},
            "doubled": sum(1 for count in counts.values() if count > 1), "asked": len(client.ended),
            "meanwhile_seconds": round(times[1] - times[0], 3), "kinds": kinds, "wrong": dict(wrong.most_common(8))}


async def ask(options):
    client, times = Client(options), []
    end = time.monotonic() + options.seconds
    happening = asyncio.create_task(happen(options, times))
    await asyncio.gather(client.at_a_rate(end), *(client.stream_on(place, end) for place in range(options.streams)))
    await happening
    for _, writer in client.idle:
        writer.close()
    print(json.dumps(summary(options, client, times, await asked(options.port))))


async def serve(options):
    model = Model()
    server = await asyncio.start_server(model.serve, "127.0.0.1", options.port, backlog=4096, limit=1 << 24)
    async with server:
        await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(prog="load.py")
    parser.add_argument("verb", choices=["model", "ask"])
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rate", type=float, default=200, help="requests a second, beside the streams")
    parser.add_argument("--streams", type=int, default=20, help="at any time")
    parser.add_argument("--tokens", type=int, default=80, help="of a stream")
    parser.add_argument("--filler", type=int, default=0, help="bytes more in each request")
    parser.add_argument("--grace", type=float, default=0, help="seconds behind that which still count as across")
    parser.add_argument("--end-of", type=int, metavar="PROCESS", help="what happens is its end, whenever that comes")
    parser.add_argument("--meanwhile", help="what happens after a third of the time: a shell command")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve(options) if options.verb == "model" else ask(options))


main()
