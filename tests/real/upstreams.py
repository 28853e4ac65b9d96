"""Real servers as task upstreams of each other's dialects: `tools/test --real --upstreams`.

Ollama and llama.cpp's server stand side by side; the clients of each have their tasks asked of the other: as it is, as a service
of its own dialect, and of llama.cpp's through LiteLLM by TLS. Whatever comes is checked as Open WebUI reads it; some clients leave
in the middle, and at the end the upstream is killed. The prompts are the templates of the installed Open WebUI.
"""
import ast
import concurrent.futures
import dataclasses
import http.client
import json
import os
import signal
import socket
import subprocess
import time

from options import Skip
from stack import CHAT_PORT, TASK_PORT, Failed, Stack, last_lines

TLS_PORT = 11443
LITELLM_KEY = "sk-of-one-run-and-no-longer-4711"
LONGEST_WAIT = 300  # seconds, as Open WebUI waits
TEMPLATES = {"title": "TITLE_GENERATION", "tags": "TAGS_GENERATION", "follow_up": "FOLLOW_UP_GENERATION", "query": "QUERY_GENERATION",
             "image_prompt": "IMAGE_PROMPT_GENERATION", "autocomplete": "AUTOCOMPLETE_GENERATION"}  # its names, small and large
HISTORY = "USER: How long do I cook brown rice?\nASSISTANT: About 25 minutes with a lid on, then ten minutes of rest."
KEYS = {"title": "title", "tags": "tags", "follow_up": "follow_ups", "query": "queries", "image_prompt": "prompt",
        "autocomplete": "text"}
CHAT_WAYS = ["/api/chat", "/v1/chat/completions"]
OTHER_WAYS = ["/api/generate", "/v1/completions", "/v1/responses"]
PAIRS = [("ollama", "llama.cpp"), ("ollama", "llama.cpp, a service"), ("llama.cpp", "ollama"), ("llama.cpp", "ollama, a service"),
         ("ollama", "LiteLLM by TLS"), ("ollama", "llama.cpp")]
UNHEEDED = ("llama.cpp", "/v1/responses")  # it passes over text.format there
RAW = {"/v1/completions"}  # of a dialect that no other server is asked in: it goes to its own


@dataclasses.dataclass
class Case:
    """One way to ask, and what came of it."""

    clients_of: str
    upstream: str
    path: str
    task: str
    streamed: bool
    problem: str = ""
    seconds: float = 0
    asked: str = ""


def templates(cache):
    """The shipped prompts of the Open WebUI that is installed, read without running it."""
    found = sorted(cache.open_webui.glob("lib/python*/site-packages/open_webui/config.py"))
    if not found:
        raise Skip("Open WebUI's config.py with its prompts is not there")
    texts = {}
    for node in ast.walk(ast.parse(found[0].read_text())):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in node.targets:
                texts[getattr(target, "id", "")] = node.value.value
    return {task: texts[f"DEFAULT_{name}_PROMPT_TEMPLATE"] for task, name in TEMPLATES.items()}


def filled(template, tag):
    for place in ("{{MESSAGES:END:2}}", "{{MESSAGES:END:6}}", "{{MESSAGES}}"):
        template = template.replace(place, f"{HISTORY} ({tag})")
    return template.replace("{{TYPE}}", "General").replace("{{PROMPT}}", f"How do I cook {tag}").replace("{{CURRENT_DATE}}", "2026-01-02")


def body_of(path, prompt, model, streamed):
    body = {"model": model, "stream": streamed}
    if path == "/api/generate" or path == "/v1/completions":
        body["prompt"] = prompt
    elif path == "/v1/responses":
        body["input"] = prompt
    else:
        body["messages"] = [{"role": "user", "content": prompt}]
    return body


def ask(port, path, task, body, leave=False):
    """The whole answer's text and seconds; with `leave` its client is gone after the first byte, or a second.

    What it is stands in the head, as a function of Open WebUI can say it: no task of Open WebUI's own is streamed or a completion.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_WAIT)
    start = time.monotonic()
    connection.request("POST", path, json.dumps(body),
                       {"Content-Type": "application/json", "X-OpenWebUI-Task": TEMPLATES[task].lower()})
    if leave:
        connection.sock.settimeout(1)
        try:
            connection.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            pass
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sock.close()
        return "", 0
    response = connection.getresponse()
    text = response.read().decode()
    if response.status != 200:
        raise ValueError(f"status {response.status}: {text[:200]}")
    return text, time.monotonic() - start


def pieces(text):
    """The objects of an answer: of a stream of events, of lines, or one alone."""
    for line in text.splitlines():
        line = line.removeprefix("data:").strip()
        if line.startswith("{"):
            yield json.loads(line)


def said(path, text, streamed):
    """What the model said, and whether the answer has all that this dialect's clients want of it."""
    if path == "/v1/responses" and streamed:
        events = list(pieces(text))
        if not any(event.get("type") in ("response.completed", "response.incomplete") for event in events):
            raise ValueError(f"the stream has no end: {text[-300:]}")
        return "".join(event.get("delta", "") for event in events if event.get("type") == "response.output_text.delta")
    if path == "/v1/responses":
        answer = json.loads(text)
        return "".join(part.get("text", "") for item in answer["output"] for part in item.get("content", []))
    objects = list(pieces(text)) if streamed else [json.loads(text)]
    if path.startswith("/api/"):
        last = objects[-1]
        if not last.get("done") or "eval_count" not in last or "prompt_eval_count" not in last:
            raise ValueError(f"no end, or one without figures: {json.dumps(last)[:300]}")
        return "".join(each.get("response") or each.get("message", {}).get("content", "") for each in objects)
    if streamed and "[DONE]" not in text:
        raise ValueError(f"the stream has no end: {text[-300:]}")
    words = ""
    for each in objects:
        for choice in each.get("choices", []):
            part = choice.get("delta") or choice.get("message") or {}
            words += choice.get("text") or part.get("content") or ""
    return words


def problem_of(case, text):
    words = said(case.path, text, case.streamed)
    if not words.strip():
        return f"it said nothing: {text[:300]}"
    if "error" in text[:30]:
        return f"an error: {text[:300]}"
    if case.path in RAW or (case.upstream, case.path) == UNHEEDED:
        return ""
    try:
        answer = json.loads(words)
    except ValueError:
        return f"no JSON: {words[:200]}"  # the agent asks by a schema
    return "" if KEYS[case.task] in answer else f"no '{KEYS[case.task]}' in {words[:200]}"


class Servers:
    """Both model servers, LiteLLM with TLS before it, and one agent at a time."""

    def __init__(self, options):
        self.options = options
        self.stacks = {"ollama": Stack(options, "ollama"), "llama.cpp": Stack(options, "llama.cpp")}
        self.ports = {"ollama": CHAT_PORT, "llama.cpp": TASK_PORT}

    def start(self):
        self.stacks["ollama"].start_model_server(CHAT_PORT)
        self.stacks["llama.cpp"].start_model_server(TASK_PORT)
        self.start_litellm()

    def start_litellm(self):
        """By a certificate and with a key of our own; LiteLLM's server speaks TLS itself."""
        stack, folder = self.stacks["llama.cpp"], self.options.run_folder
        self.ca = folder / "litellm.pem"
        key = folder / "litellm.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-keyout", key, "-out", self.ca, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.chown(key, stack.owner.pw_uid, stack.owner.pw_gid)
        self.key_file = folder / "litellm.api-key"
        self.key_file.touch(mode=0o400)
        self.key_file.write_text(LITELLM_KEY + "\n")
        settings = folder / "litellm.yaml"
        settings.write_text(json.dumps({"model_list": [{"model_name": "tasks", "litellm_params": {
            "model": "openai/smol", "api_base": f"http://127.0.0.1:{TASK_PORT}/v1", "api_key": "none"}}],
            "litellm_settings": {"telemetry": False, "drop_params": True}}))
        python = stack.cache.litellm / "bin"
        server = stack.start("litellm", [python / "litellm", "--config", settings, "--host", "127.0.0.1", "--port", TLS_PORT,
                                         "--ssl_keyfile_path", key, "--ssl_certfile_path", self.ca],
                             stack.as_owner(PATH=f"{python}:{os.defpath}", LITELLM_LOCAL_MODEL_COST_MAP=True, LITELLM_MODE="PRODUCTION",
                                             LITELLM_MASTER_KEY=LITELLM_KEY))
        stack.wait(server, "LiteLLM", 300, lambda: listens(TLS_PORT))

    def upstream(self, name):
        """(what an upstream of that name is, the server's own name for the model)"""
        return {
            "ollama": {"url": f"http://127.0.0.1:{CHAT_PORT}", "model": "smol:latest"},
            "ollama, a service": {"url": f"http://127.0.0.1:{CHAT_PORT}", "model": "smol:latest", "dialect": "ollama"},
            "llama.cpp": {"url": f"http://127.0.0.1:{TASK_PORT}", "model": "smol"},
            "llama.cpp, a service": {"url": f"http://127.0.0.1:{TASK_PORT}/v1", "model": "smol", "dialect": "openai"},
            "LiteLLM by TLS": {"url": f"https://localhost:{TLS_PORT}/v1", "model": "tasks", "ca_file": str(self.ca),
                               "api_key_file": str(self.key_file)},
        }[name]

    def start_agent(self, clients_of, upstream):
        """The clients of one server have their tasks asked of an upstream, and where that fails of their own server."""
        stack = self.stacks[clients_of]
        rules = {
            "version": 1, "intercept": [{"port": self.ports[clients_of]}], "packs": ["open-webui"],
            "upstreams": {"model": {"address": "original"}, "task": {**self.upstream(upstream), "timeout": "240s", "own_compute": True}},
            "rules": [{"name": "tasks", "when": {"class": list(TEMPLATES)},
                       "then": {"route": ["task", "model"], "constrain": True, "settle": "0s", "quiet": "0s", "deadline": "5m",
                                "while_chat": "hold", "supersede": False, "type_ahead": False}}]}
        file = self.options.run_folder / "upstreams.json"
        file.write_text(json.dumps(rules))
        command = [self.options.build / "bin/tasklaned", "--config", file, "--control", stack.control]
        self.agent = stack.start(f"tasklaned-{clients_of}-{upstream}".replace(" ", "-"), command, {})
        stack.agent = self.agent
        try:
            stack.wait(self.agent, "tasklaned", 60, lambda: stack.control.exists() and stack.stats()["steering"]["endpoints"])
        except Failed:
            if self.agent.poll() == 3:
                raise Skip(f"Tasklane cannot steer here: {last_lines(self.agent.log)}") from None
            raise
        return stack

    def stop_agent(self):
        self.agent.send_signal(signal.SIGTERM)
        self.agent.wait(timeout=120)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cases_of(clients_of, upstream):
    """Every class both ways of both chat endpoints, and one by the others that this server has."""
    own = "/v1/" if clients_of == "llama.cpp" else "/"
    ways = [way for way in CHAT_WAYS if way.startswith(own)]
    cases = [Case(clients_of, upstream, way, task, streamed) for way in ways for task in TEMPLATES for streamed in (False, True)]
    others = [way for way in OTHER_WAYS if way.startswith(own)]
    return cases + [Case(clients_of, upstream, way, "title", streamed) for way in others for streamed in (False, True)]


def asked_there(stack, task):
    """How many of that class were asked of each upstream so far."""
    return {row["upstream"]: row["answered"] for row in stack.stats()["classes"] if row["class"] == task}


def run(servers, case, stack, prompts, number):
    body = body_of(case.path, filled(prompts[case.task], f"rice {number}"), stack.model, case.streamed)
    before = asked_there(stack, case.task)
    try:
        text, case.seconds = ask(servers.ports[case.clients_of], case.path, case.task, body)
        case.problem = problem_of(case, text)
    except (OSError, ValueError, KeyError, IndexError, http.client.HTTPException) as error:
        case.problem = f"{type(error).__name__}: {error}"
    after = asked_there(stack, case.task)
    case.asked = " ".join(name for name, count in after.items() if count > before.get(name, 0)) or "-"
    own = case.path in RAW and not same_dialect(case)
    if case.asked != ("model" if own else "task"):
        case.problem = f"was answered by {case.asked}; {case.problem}"
    return case


def same_dialect(case):
    """Raw completions are asked as they are of a server of the same dialect."""
    return "ollama" not in case.upstream or "service" not in case.upstream


def leave_in_the_middle(servers, stack, prompts, path):
    """A client that goes away ends its task upstream, and the next is served."""
    body = body_of(path, filled(prompts["title"], "a meal that nobody waits for"), stack.model, False)
    ask(servers.ports[stack.engine], path, "title", body, leave=True)
    end = time.monotonic() + 30
    while any(row["in_flight"] for row in stack.stats()["classes"]):
        if time.monotonic() > end:
            return "30 s behind its client's leaving a task is still under way"
        time.sleep(0.2)
    return ""


def kill_in_the_middle(servers, stack, prompts, path, victim):
    """The upstream is killed while it computes: the client's own server answers."""
    body = body_of(path, filled(prompts["title"], "a meal whose cook goes home"), stack.model, False)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, servers.ports[stack.engine], path, "title", body)
        end = time.monotonic() + 60
        while not any(row["in_flight"] for row in stack.stats()["classes"]) and time.monotonic() < end:
            time.sleep(0.05)
        victim()
        text, _ = waiting.result()
    case = Case(stack.engine, "killed", path, "title", False)
    return problem_of(case, text)


def table(cases):
    lines = [f"{'clients of':<10} {'upstream':<21} {'endpoint':<21} {'class':<13} {'stream':<6} {'s':>6}  came"]
    lines += [f"{case.clients_of:<10} {case.upstream:<21} {case.path:<21} {case.task:<13} {'yes' if case.streamed else 'no':<6} "
              f"{case.seconds:6.1f}  {'yes' if not case.problem else 'NO: ' + case.problem}" for case in cases]
    return "\n".join(lines)


def kill_llama_server():
    """In this process namespace everything is ours; Ollama's own are of another command line."""
    for entry in os.listdir("/proc"):
        try:
            words = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0") if entry.isdigit() else []
        except OSError:
            continue
        if words[0:1] and words[0].endswith(b"llama-server") and b"--alias" in words:
            os.kill(int(entry), signal.SIGKILL)


def test(options):
    servers = Servers(options)
    servers.stacks["ollama"].cache.logs.mkdir(exist_ok=True)
    prompts = templates(options.cache)
    servers.start()
    done, faults, number = [], [], 0
    for turn, (clients_of, upstream) in enumerate(PAIRS):
        stack = servers.start_agent(clients_of, upstream)
        path = "/api/chat" if clients_of == "ollama" else "/v1/chat/completions"
        if turn + 1 == len(PAIRS):  # the last one: then it is gone
            fault = kill_in_the_middle(servers, stack, prompts, path, kill_llama_server)
            if fault:
                faults.append(f"killed in the middle: {fault}")
        else:
            for case in cases_of(clients_of, upstream):
                number += 1
                done.append(run(servers, case, stack, prompts, number))
                print(table(done[-1:]).splitlines()[1], flush=True)
            fault = leave_in_the_middle(servers, stack, prompts, path)
            if fault:
                faults.append(f"{clients_of}, {upstream}: {fault}")
        servers.stop_agent()
    print(table(done))
    faults += [f"{case.clients_of}, {case.upstream}, {case.path}, {case.task}: {case.problem}" for case in done if case.problem]
    if options.json:
        options.json.write_text(json.dumps({"cases": [dataclasses.asdict(case) for case in done], "faults": faults}, indent=1) + "\n")
    for fault in faults:
        print(f"FAILED: {fault}")
    if not faults:
        print(f"passed: {len(done)} tasks, {len(PAIRS) - 1} clients that left and a killed upstream")
    return 1 if faults else 0
