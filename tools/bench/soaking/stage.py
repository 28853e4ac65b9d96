"""The agent, the model that it steers and another one beside it: started, looked at, disturbed."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / "build/release/bin"
PORT = 11434  # steered
CONTROL_PORT = 11500  # the same model's other door, which nobody steers: what a chat takes without an agent

RULES = {
    "version": 1,
    "intercept": [{"port": PORT}],
    "upstreams": {"model": {"address": "original", "rewarm": True}},
    "packs": ["open-webui"],
    "rules": [{
        "name": "tasks",
        "when": {"class": ["title", "tags", "follow_up"]},
        "then": {"lane": "background", "settle": "50ms", "quiet": "100ms", "max_wait": "2s", "preempt": 3,
                 "constrain": True},
    }],
}


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def wait_until(holds, seconds):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Stage:
    def __init__(self, seed):
        self.folder = tempfile.TemporaryDirectory()
        self.seed = seed
        self.begun = time.monotonic()
        self.troubles = []  # [begin, end, name]; the end is missing while one lasts
        self.lock = threading.Lock()
        self.config = pathlib.Path(self.folder.name) / "rules.json"
        self.config.write_text(json.dumps(RULES))
        self.model = self.start_model()
        self.log = open(pathlib.Path(self.folder.name) / "agent.log", "w+")
        self.control = str(pathlib.Path(self.folder.name) / "control.sock")
        self.agent = subprocess.Popen(
            [PROGRAMS / "tasklaned", "--config", self.config, "--control", self.control], stderr=self.log)
        if not wait_until(lambda: self.stats().get("steering", {}).get("endpoints"), 10):
            raise RuntimeError("the agent does not steer: " + self.said())

    def start_model(self):
        # So many slots that no chat waits for another: what it takes is what the model says that it took.
        process = subprocess.Popen(
            [PROGRAMS / "modelsim", "--listen", f"127.0.0.1:{PORT}", "--listen", f"127.0.0.1:{CONTROL_PORT}",
             "--slots", "64", "--prefill", "1e7", "--decode", "1000", "--answer-tokens", "40", "--model", "llama3.1:8b", "--seed", str(self.seed)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: answers(CONTROL_PORT), 10)
        return process

    def said(self):
        self.log.seek(0)
        return self.log.read()[-4000:]

    def tell(self, *words):
        return subprocess.run([PROGRAMS / "tasklane", "--control", self.control, *words],
                              capture_output=True, text=True, timeout=30)

    def stats(self):
        told = self.tell("stats", "--json")
        return json.loads(told.stdout) if told.returncode == 0 else {}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.agent.pid}/fd"))

    def resident(self):
        for line in open(f"/proc/{self.agent.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    # What happens to everybody. Chats that meet it are not held to their time.

    @contextlib.contextmanager
    def trouble(self, name):
        entry = [time.monotonic(), None, name]
        with self.lock:
            self.troubles.append(entry)
        try:
            yield
        finally:
            entry[1] = time.monotonic()

    def disturbed(self, begin, end):
        with self.lock:
            return any(b <= end and (e is None or e + 0.1 >= begin) for b, e, _ in self.troubles)

    def restart_model(self, random):
        self.model.kill()
        self.model.wait()
        time.sleep(random.uniform(0, 0.5))
        self.model = self.start_model()
        time.sleep(0.3)  # until the agent has seen it

    def reload(self, random):
        RULES["rules"][0]["then"]["quiet"] = f"{random.randint(50, 300)}ms"
        self.config.write_text(json.dumps(RULES))
        self.agent.send_signal(signal.SIGHUP)

    def bypass(self, random):
        self.tell("bypass", "on")
        time.sleep(random.uniform(0.1, 1))
        self.tell("bypass", "off")

    def stop_agent(self, random):
        self.agent.send_signal(signal.SIGSTOP)
        time.sleep(random.uniform(0.1, 3))
        self.agent.send_signal(signal.SIGCONT)
        time.sleep(0.3)

    def end(self):
        self.agent.send_signal(signal.SIGTERM)
        try:
            code = self.agent.wait(15)
        except subprocess.TimeoutExpired:
            self.agent.kill()
            code = "did not end"
        self.model.kill()
        self.model.wait()
        return code
