"""One chat as Open WebUI's page has it: opened, three turns, typing in between; then the wait for title, tags and follow-ups.

Runs in Open WebUI's own Python environment: page.py URL MODEL on|off TAG. What was seen goes to standard output as JSON.
"""
import asyncio
import json
import sys
import time
import uuid

import aiohttp
import socketio

# Of a made-up cook. The tag makes each chat a new one for every cache.
QUESTIONS = ["What do I need for a tomato soup?", "Can I leave out the cream?", "Which bread would you serve with it?"]
PAUSES = [1.0, 4.0]  # seconds between turns: somebody in a hurry, somebody who reads
LONGEST_TURN = 600
LONGEST_WAIT_FOR_TASKS = 90


class Page:
    def __init__(self, url, model, tasks):
        self.url, self.model, self.tasks = url, model, tasks
        self.socket = socketio.AsyncClient()
        self.events = []  # (when, chat id, message id, type, data) of all that this person's pages are told
        self.news = asyncio.Condition()
        self.chat_id = None
        self.messages = []

    async def open(self, session):
        self.session = session
        user = await self.post("/api/v1/auths/signin", {"email": "", "password": ""})
        session.headers["Authorization"] = f"Bearer {user['token']}"
        self.socket.on("events", self.on_event)
        await self.socket.connect(self.url, socketio_path="/ws/socket.io", transports=["websocket"], auth={"token": user["token"]})
        await self.socket.emit("user-join", {"auth": {"token": user["token"]}})
        async with session.get(self.url + "/api/models") as answer:
            models = [model["id"] for model in (await answer.json())["data"]]
        if self.model not in models:
            raise RuntimeError(f"Open WebUI offers {models}, not {self.model}")

    async def post(self, path, body):
        async with self.session.post(self.url + path, json=body) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {(await answer.text())[:300]}")
            return await answer.json()

    async def on_event(self, event, *_):
        data = event.get("data") or {}
        async with self.news:
            self.events.append((time.monotonic(), event.get("chat_id"), event.get("message_id"), data.get("type"), data.get("data")))
            self.news.notify_all()

    def mine(self):
        """(when, message id, type, data) of this chat's events."""
        return [(when, message, kind, data) for when, chat, message, kind, data in self.events if chat == self.chat_id]

    async def until(self, seen, seconds):
        """The first thing that `seen` makes of the events, or None when the time is over."""
        async with self.news:
            try:
                return await asyncio.wait_for(self.news.wait_for(seen), seconds)
            except asyncio.TimeoutError:
                return None

    async def turn(self, text):
        """Asks, and waits for the end of the answer: (when it ended, message id, seconds to the first token, what went wrong)."""
        question, answer = str(uuid.uuid4()), str(uuid.uuid4())
        parent = self.messages[-1]["id"] if self.messages else None
        wanted = {"follow_up_generation": self.tasks}
        if not self.messages:
            wanted |= {"title_generation": self.tasks, "tags_generation": self.tasks}
        asked = {"role": "user", "content": text}
        body = {"model": self.model, "stream": True, "id": answer, "parent_id": parent, "session_id": self.socket.get_sid("/"),
                "messages": [{"role": m["role"], "content": m["content"]} for m in self.messages] + [asked],
                "user_message": {**asked, "id": question, "parentId": parent, "childrenIds": [answer], "models": [self.model],
                                 "timestamp": int(time.time())},
                "background_tasks": wanted, "params": {}, "features": {}, "variables": {}, "files": [], "tool_servers": []}
        if self.chat_id:
            body["chat_id"] = self.chat_id
        sent = time.monotonic()
        try:
            self.chat_id = (await self.post("/api/chat/completions", body)).get("chat_id") or self.chat_id
        except RuntimeError as error:
            return time.monotonic(), answer, None, str(error)
        ended = await self.until(lambda: self.end_of(answer), LONGEST_TURN)
        when, error = ended or (time.monotonic(), f"no end of the answer after {LONGEST_TURN} s")
        pieces = self.pieces_of(answer)
        whole = "".join(piece for _, piece in pieces)
        if not error and not whole:
            error = "an empty answer"
        self.messages += [{"id": question, **asked}, {"id": answer, "role": "assistant", "content": whole}]
        return when, answer, pieces[0][0] - sent if pieces else None, error

    def pieces_of(self, message):
        """The answer's visible text as it came: (when, text)."""
        return [(when, data["delta"]) for when, of, kind, data in self.mine()
                if of == message and kind == "response:completion" and data.get("type") == "response.output_text.delta"
                and data.get("delta")]

    def end_of(self, message):
        for when, of, kind, data in self.mine():
            if of != message or not isinstance(data, dict):
                continue
            if kind == "chat:message:error" or (kind == "chat:completion" and data.get("error")):
                return when, str(data.get("error"))[:300]
            if kind == "chat:completion" and data.get("done"):
                return when, None
        return None

    async def type(self, text):
        """Typing rests: the page asks how the text might go on. Seconds to the answer, or None where it failed."""
        start = time.monotonic()
        body = {"model": self.model, "prompt": text, "type": "search query", "stream": False,
                "messages": [{"role": m["role"], "content": m["content"]} for m in self.messages]}
        try:
            await asyncio.wait_for(self.post("/api/v1/tasks/auto/completions", body), LONGEST_WAIT_FOR_TASKS)
        except (RuntimeError, aiohttp.ClientError, asyncio.TimeoutError):
            return None
        return time.monotonic() - start

    def task(self, kind, message, event, ended, of_use):
        """What came of one task: seconds after its answer's end, and whether the page could use it."""
        for when, of, seen, data in self.mine():
            if seen == event and (message is None or of == message):
                return {"kind": kind, "after": max(0.0, when - ended), "valid": of_use(data)}
        return {"kind": kind, "after": None, "valid": False}

    def outcome(self, turns):
        first_end = turns[0][0]
        # Without a title of the model's Open WebUI shows the question itself.
        tasks = [self.task("title", None, "chat:title", first_end, lambda title: bool(title) and not title.startswith(QUESTIONS[0])),
                 self.task("tags", None, "chat:tags", first_end, bool)]
        return tasks + [self.task("follow-ups", message, "chat:message:follow_ups", ended, lambda data: bool(data["follow_ups"]))
                        for ended, message, _, _ in turns]

    def at_rest(self, turns):
        """Whether Open WebUI is done with this chat: the title has come, and the answers' tasks are over, whatever they gave."""
        over = any(kind == "chat:active" and not data["active"] and when >= turns[-1][0] for when, _, kind, data in self.mine())
        return over and any(kind == "chat:title" for _, _, kind, _ in self.mine())


async def have_chat(page, tag):
    turns, typing = [], []
    for number, question in enumerate(QUESTIONS):
        if number:
            pause = PAUSES[number - 1]
            await asyncio.sleep(pause / 2)
            if page.tasks:
                typing.append(asyncio.ensure_future(page.type(question[: len(question) // 2])))
            await asyncio.sleep(pause / 2)
        turns.append(await page.turn(f"{question} ({tag})" if number == 0 else question))
    if page.tasks:
        await page.until(lambda: page.at_rest(turns), LONGEST_WAIT_FOR_TASKS)
    suggestions = await asyncio.gather(*typing)
    return {"ttft": [turn[2] for turn in turns], "errors": [turn[3] for turn in turns if turn[3]],
            "tasks": page.outcome(turns) if page.tasks else [], "suggestions": suggestions}


async def main():
    url, model, tasks, tag = sys.argv[1:]
    page = Page(url, model, tasks == "on")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        await page.open(session)
        try:
            print(json.dumps(await have_chat(page, tag)))
        finally:
            await page.socket.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
