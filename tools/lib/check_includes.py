#!/usr/bin/env python3
"""Checks that no include goes up: a room includes only itself and rooms above it (ARCHITECTURE.md, "The rooms").

Usage: check_includes.py FILE...    exit 1 where one does, with file and line
"""
import re
import sys

MIND = "base http dialect server classify decide count admit task observe".split()
# What each room of the body may include beside itself.
BODY = {
    "steer": {"shaper/base", "bpf"},
    "wire": {"shaper/base", "shaper/http", "shaper/dialect", "userspace/steer"},
    "serve": {"shaper", "userspace/wire", "userspace/steer"},
    "observe": {"shaper", "userspace/steer"},
    "control": {"shaper/base", "shaper/count", "shaper/admit", "userspace/wire", "userspace/steer"},
    "agent": {"shaper", "userspace", "bpf"},
}
INCLUDE = re.compile(r'^\s*#include "((?:shaper|userspace|bpf|tools|tests)/[^"]+)"')


def allowed(path: str, included: str) -> bool:
    top, room = path.split("/")[:2]
    other_top, other_room = included.split("/")[:2]
    if (top, room) == (other_top, other_room):
        return True
    if top == "shaper":
        return other_top == "shaper" and MIND.index(other_room) < MIND.index(room)
    if top == "userspace":
        return other_top in BODY[room] or f"{other_top}/{other_room}" in BODY[room]
    return other_top not in {"tests"} or top == "tests"


def main(files: list[str]) -> int:
    found = 0
    for path in files:
        if path.split("/")[0] not in {"shaper", "userspace", "tools"}:
            continue
        with open(path, encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                match = INCLUDE.match(line)
                if match and not allowed(path, match.group(1)):
                    found += 1
                    print(f"{path}:{number}: goes up: {match.group(1)}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
