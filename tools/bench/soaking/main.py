"""tools/bench/soak: see there."""

import argparse
import json
import random
import subprocess
import sys
import threading
import time

from people import everybody
from stage import PORT, Stage, wait_until

MOST_BEYOND = 50  # milliseconds that a chat may take beyond the model's own time, and beyond what direct ones take
MOST_MEMORY_LEFT = 64  # MiB more than in the beginning


def spread(values):
    ordered = sorted(values)
    at = lambda share: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)
    return {"count": len(ordered), **({"p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99),
                                       "worst_ms": at(1)} if ordered else {})}


TROUBLES = ["restart_model", "reload", "bypass", "stop_agent"]


def disturb(stage, dice, over, troubles):
    while troubles and not over.wait(dice.uniform(1, 5)):
        name = dice.choice(troubles)
        with stage.trouble(name):
            getattr(stage, name)(dice)


def left_behind(stage, before):
    """What the agent still holds though everybody has gone, by name; waits until idle connections have been closed."""
    def found():
        stats = stage.stats()
        if not stats:
            return {"agent": "does not answer"}
        held = {
            "connections": stats["relay"]["open_connections"],
            "in_flight": sum(row["in_flight"] for row in stats["classes"]),
            "waiting": stats["lanes"]["waiting"],
            "running": stats["lanes"]["running"],
            "memory": stats["memory"]["held_bytes"],
            "descriptors": max(0, stage.descriptors() - before["descriptors"]),
            "mib": max(0, round(stage.resident() - before["mib"] - MOST_MEMORY_LEFT)),
        }
        return {name: value for name, value in held.items() if value}
    wait_until(lambda: not found(), 15)
    return found()


def main():
    parser = argparse.ArgumentParser(prog="soak", description="Chats and tasks while everything happens to them")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--troubles", default=",".join(TROUBLES), help="these alone, with commas; empty: none")
    options = parser.parse_args()
    troubles = [name for name in options.troubles.split(",") if name]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    stage = Stage(options.seed)
    random_of = lambda number: random.Random(options.seed * 1000 + number)
    before = {"descriptors": stage.descriptors(), "mib": stage.resident()}
    over = threading.Event()
    people = everybody(stage, random_of, over)
    troublemaker = threading.Thread(target=disturb, args=(stage, random_of(999), over, troubles))
    for each in [*people, troublemaker]:
        each.start()
    end = time.monotonic() + options.minutes * 60
    while time.monotonic() < end and stage.agent.poll() is None:
        time.sleep(0.5)
    over.set()
    for each in [*people, troublemaker]:
        each.join(60)
    most = stage.resident() if stage.agent.poll() is None else 0
    left = left_behind(stage, before)
    stats, said = stage.stats(), stage.said()
    code = stage.end()
    ended = {}
    for person in people:
        kind = "tasks" if person.tasks else "chats" if person.port == PORT else "chats_direct"
        for how, count in person.ended.items():
            ended.setdefault(kind, {})[how] = ended.setdefault(kind, {}).get(how, 0) + count
    through = spread([v for p in people if p.port == PORT for v in p.beyond])
    direct = spread([v for p in people if p.port != PORT for v in p.beyond])
    wrong = [each for person in people for each in person.wrong]
    quick = through.get("worst_ms", 0) <= direct.get("worst_ms", 0) + MOST_BEYOND
    passed = quick and not left and not wrong and code == 0
    print(json.dumps({
        "minutes": options.minutes, "seed": options.seed, "passed": passed, "requests": ended,
        "beyond_the_models_own_time": {"through_tasklane": through, "direct": direct},
        "troubles": {name: sum(1 for t in stage.troubles if t[2] == name)
                     for name in sorted({t[2] for t in stage.troubles})},
        "wrong": wrong[:50], "when": [[round(b - stage.begun, 2), round((e or b) - stage.begun, 2), name]
                                      for b, e, name in stage.troubles if name in TROUBLES] if wrong else [], "left_behind": left, "agent_ended": code,
        "mib": {"before": round(before["mib"]), "after": round(most)}, "relay": stats.get("relay", {}),
        **({} if passed else {"log": said}),
    }, indent=2))
    sys.exit(0 if passed else 1)


main()
