"""A server of OpenAI's dialect that answers every chat at once, in clear or by TLS: main.py's upstreams and model."""

import asyncio
import json
import ssl
import sys

PIECE = {"id": "c1", "object": "chat.completion.chunk", "model": "m",
         "choices": [{"index": 0, "delta": {"content": json.dumps({"title": "Rice"})}, "finish_reason": None}]}
END = {"id": "c1", "object": "chat.completion.chunk", "model": "m",
       "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
       "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}


def answer(name):
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in (PIECE, END)).replace("Rice", name) + "data: [DONE]\n\n"
    return (f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


async def serve(port, name, certificate=None):
    said = answer(name)

    async def talk(reader, writer):
        writer.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.split("content-length:")[1].split("\r\n")[0]) if "content-length:" in head else 0
                await reader.readexactly(length)
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(talk, "127.0.0.1", port, ssl=context, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
