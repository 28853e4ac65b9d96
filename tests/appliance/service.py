"""A service by TLS that speaks OpenAI's dialect, and answers each question with the key that it was asked with.

  service.py PORT CERTIFICATE KEY     the latter two in PEM
"""
import asyncio
import contextlib
import json
import ssl
import sys


def answer_of(head):
    key = head.get("authorization", "").removeprefix("Bearer ")
    if not key:
        return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    said = {"index": 0, "delta": {"content": json.dumps({"title": f"asked with {key}"})}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    pieces = [{"id": "c1", "object": "chat.completion.chunk", "model": "hosted", "choices": [each]} for each in (said, end)]
    body = "".join(f"data: {each}\n\n" for each in [*map(json.dumps, pieces), "[DONE]"]).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def serve(reader, writer):
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            head = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:] if line}
            await reader.readexactly(int(head.get("content-length", 0)))
            writer.write(answer_of(head))
            await writer.drain()
    writer.close()


async def main():
    port, certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with await asyncio.start_server(serve, "127.0.0.1", int(port), ssl=context) as server:
        await server.serve_forever()


asyncio.run(main())
