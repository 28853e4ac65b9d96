"""Chats with the real Open WebUI direct and through Tasklane by turns, with its automations off and on, and judges what was seen."""
import json
import os
import subprocess
import sys
import time

import options as settings
import report
import upstreams
from options import Skip
from stack import CHAT_PORT, TASK_PORT, Failed, Stack

# Open WebUI keeps idle connections to the model for 15 s. One that was made direct would stay so: the ways change on new ones.
REST = 17
WAYS = [("direct", "off"), ("direct", "on"), ("tasklane", "off"), ("tasklane", "on")]


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def choose_engine(options):
    if options.engine:
        return options.engine
    return "ollama" if options.cache.ollama.exists() else "llama.cpp"


def start(stack):
    cache, options = stack.cache, stack.options
    cache.logs.mkdir(exist_ok=True)
    (cache.logs / "page.log").write_text("")
    say(f"starting {stack.engine}, Tasklane ({options.profile.name}) and Open WebUI {cache.open_webui_version}")
    stack.start_model_server(CHAT_PORT)
    if options.task_server:
        stack.start_model_server(TASK_PORT)
    stack.start_agent()
    stack.start_open_webui()


def play(stack, rounds, ways):
    """The rounds' chats: {"direct, tasks off": [what was seen, ...], ...}."""
    seen = {f"{way}, tasks {tasks}": [] for way, tasks in ways}
    say("a chat to warm up")
    stack.tasklane("bypass", "on")  # so that Tasklane's figures are of the rounds alone
    errors = stack.chat(False, "warm-up")["errors"]
    if errors:
        raise Failed(f"the first chat: {errors[0]}")
    before = "direct"
    for number in range(1, rounds + 1):
        for way, tasks in ways:
            if way != before:
                stack.tasklane("bypass", "on" if way == "direct" else "off")
                time.sleep(REST)
                before = way
            start = time.monotonic()
            chat = stack.chat(tasks == "on", f"{way} {tasks} {number}")
            seen[f"{way}, tasks {tasks}"].append(chat)
            say(f"round {number} of {rounds}: {way}, tasks {tasks}: {time.monotonic() - start:.0f} s"
                + "".join(f"\n   {error}" for error in chat["errors"]))
            time.sleep(2)
    return seen


def chats_through_tasklane(stats):
    return sum(row["requests"] for row in stats["classes"] if row["class"] == "chat")


def test(options):
    engine = choose_engine(options)
    stack = Stack(options, engine)
    start(stack)
    load = os.getloadavg()[0]
    if load > 0.5 * (os.cpu_count() or 1):
        say(f"this machine is not quiet (load {load:.1f} on {os.cpu_count()} CPUs): take the figures for what they are")
    seen = play(stack, options.rounds, [WAYS[0], WAYS[-1]] if options.beside_the_ideal else WAYS)
    stats = stack.stats()
    figures = {name: report.figures(chats) for name, chats in seen.items()}
    print(report.table(figures, f"Open WebUI {stack.cache.open_webui_version}, {engine}, SmolLM2 135M, {options.profile.name}, "
                                f"{options.rounds} rounds"))
    print(report.readable(stats["relay"]))
    faults = report.faults(figures, chats_through_tasklane(stats))
    if options.json:
        whole = {"engine": engine, "open_webui": stack.cache.open_webui_version, "profile": options.profile.name, "load": load,
                 "figures": figures, "chats": seen, "faults": faults, "stats": stats}
        options.json.write_text(json.dumps(whole, indent=1) + "\n")
    for fault in faults:
        print(f"FAILED: {fault}")
    if not faults:
        print("passed: no chat was worse with Tasklane than without it")
    return 1 if faults else 0


def main():
    try:
        options = settings.parse(sys.argv[1:])
        return upstreams.test(options) if options.upstreams else test(options)
    except Skip as reason:
        print(f"skipped: {reason}")
        return 3
    except (Failed, subprocess.SubprocessError) as error:
        say(f"failed: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
