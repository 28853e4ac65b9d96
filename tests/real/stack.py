"""Starts the real thing inside the namespaces that `run` made: the model servers, the agent, Open WebUI.

Nothing is stopped here: with this program the kernel ends every process of the namespace.
"""
import json
import os
import pathlib
import pwd
import subprocess
import time
import urllib.error
import urllib.request

from options import Skip

CHAT_PORT, TASK_PORT, PAGE_PORT = 11434, 11435, 8080
CONTEXT = 8192  # tokens: all that SmolLM2 knows, and enough for the 5,000 of Open WebUI's tools and three turns
LONGEST_ANSWER = 120  # tokens: the model does not know when to stop

# SmolLM2 speaks ChatML; Ollama passes tools on only where a template names them.
MODELFILE = '''FROM {model}
TEMPLATE """<|im_start|>system
{{{{ .System }}}}{{{{ range .Tools }}}}
{{{{ . }}}}{{{{ end }}}}<|im_end|>
{{{{ range .Messages }}}}<|im_start|>{{{{ .Role }}}}
{{{{ .Content }}}}<|im_end|>
{{{{ end }}}}<|im_start|>assistant
"""
PARAMETER stop <|im_end|>
PARAMETER num_ctx {context}
PARAMETER num_predict {longest}
'''


class Failed(Exception):
    """The stack does not work, or shows what it must not."""


class Stack:
    def __init__(self, options, engine):
        self.options, self.cache, self.engine = options, options.cache, engine
        self.folder, self.owner = options.run_folder, pwd.getpwnam(os.environ["TASKLANE_REAL_OWNER"])
        self.control = self.folder / "control.sock"
        self.page = f"http://127.0.0.1:{PAGE_PORT}"

    @property
    def model(self):
        return "smol:latest" if self.engine == "ollama" else "smol"

    def as_owner(self, **environment):
        """How a program of the cache folder runs: as who installed it, at home in the run's folder, and without proxies."""
        plain = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": self.folder, **environment}
        return {"env": {name: str(value) for name, value in plain.items()}, "cwd": self.folder, "stdin": subprocess.DEVNULL,
                "user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def start(self, name, command, settings):
        log = self.cache.logs / f"{name}.log"
        with open(log, "w") as output:
            process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output, **settings)
        process.log = log
        return process

    def wait(self, process, what, seconds, ready):
        end = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                raise Failed(f"{what} ended with {process.returncode}: {last_lines(process.log)}")
            if time.monotonic() > end:
                raise Failed(f"{what} is not ready after {seconds} s; its log: {process.log}")
            time.sleep(0.2)

    def start_model_server(self, port):
        libraries = self.cache.llama_server.parent
        name = f"{self.engine}-{port}"
        if self.engine == "ollama":
            environment = {"OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": self.folder / "models", "OLLAMA_NO_CLOUD": 1,
                           "OLLAMA_KEEP_ALIVE": "24h", "LD_LIBRARY_PATH": libraries}
            if self.options.slots:
                environment["OLLAMA_NUM_PARALLEL"] = self.options.slots
            if self.options.no_host_cache:
                environment["LLAMA_ARG_CACHE_RAM"] = 0  # Ollama's llama-server reads it
            server = self.start(name, [self.cache.ollama, "serve"], self.as_owner(**environment))
            self.wait(server, name, 60, lambda: answers(port, "/api/version"))
            if port == CHAT_PORT:
                self.make_ollama_model(environment)
            return
        command = [self.cache.llama_server, "--model", self.cache.model, "--alias", self.model, "--jinja", "--host", "127.0.0.1",
                   "--port", port, "--ctx-size", CONTEXT * max(2, self.options.slots or 0), "--predict", LONGEST_ANSWER]
        if self.options.slots:
            command += ["--parallel", self.options.slots]
        if self.options.no_host_cache:
            command += ["--cache-ram", 0]
        if self.options.template:
            command += ["--chat-template-file", self.options.template]
        server = self.start(name, command, self.as_owner(LD_LIBRARY_PATH=libraries))
        self.wait(server, name, 120, lambda: answers(port, "/health"))

    def make_ollama_model(self, environment):
        modelfile = self.folder / "Modelfile"
        modelfile.write_text(MODELFILE.format(model=self.cache.model.resolve(), context=CONTEXT, longest=LONGEST_ANSWER))
        made = self.start("ollama-create", [self.cache.ollama, "create", self.model, "-f", modelfile], self.as_owner(**environment))
        if made.wait(timeout=300) != 0:
            raise Failed(f"ollama create: {last_lines(made.log)}")

    def start_agent(self):
        """Tasklane by the profile; models that it names are not here, so the small one stands for them."""
        profile = json.loads(self.options.profile.read_text())
        for upstream in profile.get("upstreams", {}).values():
            if "model" in upstream:
                upstream["model"] = self.model
        rules = self.folder / "profile.json"
        rules.write_text(json.dumps(profile, indent=1))
        agent = self.start("tasklaned", [self.options.build / "bin/tasklaned", "--config", rules, "--control", self.control], {})
        try:
            self.wait(agent, "tasklaned", 30, lambda: self.control.exists() and self.stats()["steering"]["endpoints"])
        except Failed:
            if agent.poll() == 3:
                raise Skip(f"Tasklane cannot steer here: {last_lines(agent.log)}") from None
            raise
        self.agent = agent

    def start_open_webui(self):
        ollama = self.engine == "ollama"
        environment = {
            "DATA_DIR": self.folder / "open-webui", "WEBUI_AUTH": False, "WEBUI_SECRET_KEY": "of one run, and no longer than that",
            "ENABLE_PERSISTENT_CONFIG": False, "OFFLINE_MODE": True, "HF_HUB_OFFLINE": 1, "ENABLE_VERSION_UPDATE_CHECK": False,
            "ANONYMIZED_TELEMETRY": False, "DO_NOT_TRACK": True, "SCARF_NO_ANALYTICS": True,
            "RAG_EMBEDDING_ENGINE": "ollama",  # else it loads a model of its own for embeddings
            "ENABLE_AUTOCOMPLETE_GENERATION": True,
            "ENABLE_OLLAMA_API": ollama, "OLLAMA_BASE_URL": f"http://127.0.0.1:{CHAT_PORT}",
            "ENABLE_OPENAI_API": not ollama, "OPENAI_API_BASE_URL": f"http://127.0.0.1:{CHAT_PORT}/v1", "OPENAI_API_KEY": "none",
            "PATH": f"{self.cache.open_webui}/bin:{os.defpath}"}
        (self.folder / "open-webui").mkdir()
        os.chown(self.folder / "open-webui", self.owner.pw_uid, self.owner.pw_gid)
        server = self.start("open-webui", [self.cache.open_webui / "bin/open-webui", "serve", "--host", "127.0.0.1",
                                           "--port", PAGE_PORT], self.as_owner(**environment))
        self.wait(server, "Open WebUI", 600, lambda: answers(PAGE_PORT, "/health"))

    def tasklane(self, *words):
        if self.agent_ended():
            raise Failed(f"tasklaned ended with {self.agent.returncode}: {last_lines(self.agent.log)}")
        return subprocess.run([self.options.build / "bin/tasklane", "--control", self.control, *words], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def agent_ended(self):
        return hasattr(self, "agent") and self.agent.poll() is not None

    def stats(self):
        return json.loads(self.tasklane("stats", "--json"))

    def chat(self, tasks, tag, seconds=2400):
        """One chat of three turns by a person at the page; what they saw."""
        page = pathlib.Path(__file__).with_name("page.py")
        command = [self.cache.open_webui / "bin/python", page, self.page, self.model, "on" if tasks else "off", tag]
        with open(self.cache.logs / "page.log", "a") as log:
            done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=log, timeout=seconds,
                                  **self.as_owner(PYTHONDONTWRITEBYTECODE=1))
        if done.returncode != 0:
            raise Failed(f"the page ended with {done.returncode}: {last_lines(self.cache.logs / 'page.log')}")
        return json.loads(done.stdout)


def answers(port, path):
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def last_lines(log, count=5):
    return "\n  ".join(["", *log.read_text(errors="replace").splitlines()[-count:], f"({log})"])
