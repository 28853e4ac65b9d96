# A machine of a test's own that runs containers: its network, its processes and its Docker engine are apart from those of
# the machine it runs on. Sourced by tests/appliance/containers behind tools/lib/common.sh.

appliance_cache=${TASKLANE_APPLIANCE_CACHE:-/var/cache/tasklane-appliance}
passed=0
ok() { passed=$((passed + 1)); printf 'ok %s\n' "$*"; }
figure() { printf 'figure %s: %s\n' "$1" "$2"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  tail -n 20 "$stage"/*.said >&2 2>/dev/null || true
  exit 1
}
eventually() {
  local turn
  for turn in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  return 1
}
# check WHAT COMMAND...: holds within ten seconds.
check() {
  local what=$1
  shift
  eventually "$@" || fail "$what: $*"
  ok "$what"
}
# never WHAT COMMAND...: does not hold now, nor at five further looks.
never() {
  local what=$1 turn
  shift
  for turn in 1 2 3 4 5; do ! "$@" >/dev/null 2>&1 || fail "$what: $*"; done
  ok "$what"
}

# ---- the engine

# engine OPTION...: starts Docker's engine, with what it keeps below $stage.
engine() {
  dockerd --data-root "$stage/images" --exec-root "$stage/engine" --pidfile "$stage/engine.pid" -H unix:///run/docker.sock "$@" \
    >"$stage/engine.log" 2>&1 &
  engine=$!
  eventually docker info || { tail -n 20 "$stage/engine.log" >&2; skip "Docker's engine does not start here"; }
}
stop_engine() {
  [ -n "${engine:-}" ] || return 0
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  engine=
}
skipped=77
skip() { say "skipped: $*"; [ -z "${stage:-}" ] && exit 0 || exit $skipped; }

# ---- who asks, and who answers

# what_answers ADDRESS:PORT: the head of an answer. A request each on a connection of its own.
what_answers() { curl -sS -m 5 -D - -o /dev/null "http://$1/api/version"; }
elsewhere() { nsenter --net=/run/netns/elsewhere -- bash -c '"$@"' - "$@"; }
# inside CONTAINER ADDRESS:PORT: the same by a process of that container, with nothing but bash.
inside() {
  docker exec "$1" timeout 5 bash -c 'exec 3<>"/dev/tcp/${1%:*}/${1##*:}" && printf "GET /api/version HTTP/1.0\r\nHost: model\r\n\r\n" >&3 && cat <&3' - "$2"
}
shaped() { local head; head=$("$@") && grep -qi '^X-Tasklane:' <<<"$head"; }
direct() { local head; head=$("$@") && grep -q '^HTTP/1.[01] 200' <<<"$head" && ! grep -qi '^X-Tasklane:' <<<"$head"; }
export -f what_answers

# ---- the agent of this machine

# agent NETNS PORT...: with those rules; NETNS empty: in its own namespace.
agent() {
  local netns=$1 ports
  shift
  ports=$(printf ', {"port": %s}' "$@")
  printf '{"version": 1, %s"intercept": [%s], "answer_header": true, "packs": ["open-webui"]}\n' "${netns:+\"netns\": \"$netns\", }" "${ports#, }" \
    >"$stage/rules.json"
  agent_by "$stage/rules.json"
}
agent_by() {
  rules=$1
  tasklaned --config "$rules" --control "$stage/control.sock" >"$stage/agent.said" 2>&1 &
  agent=$!
  eventually tasklane --control "$stage/control.sock" stats || fail "the agent does not start"
}
stop_agent() {
  kill "-${1:-TERM}" "$agent" 2>/dev/null || true
  wait "$agent" 2>/dev/null || true
}
entered() { tasklane --control "$stage/control.sock" stats --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["steering"]["netns"]["entered"])'; }
now_in() { tasklane --control "$stage/control.sock" stats --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["steering"]["netns"]["now"])'; }
has_entered() { [ "$(entered)" = "$1" ]; }
is_nowhere() { [ "$(now_in)" = "" ]; }
has_said() { grep -qF -- "$1" "$stage/agent.said"; }

# ---- the doctor

doctor() { tasklane --control "$stage/control.sock" doctor --config "$rules" "$@" >"$stage/doctor.said" 2>&1; }
# What has come or gone is known to the agent a moment later than to the kernel: whoever asks at once asks again.
doctor_in_container() { docker exec tasklane tasklane doctor >"$stage/doctor.said" 2>&1; }
doctor_said() {
  doctor || true
  grep -qE -- "$1" "$stage/doctor.said"
}
# doctor_says WORDS: by these rules, beside this agent.
doctor_says() {
  eventually doctor_said "$1" || fail "the doctor does not say: $1"
  ok "the doctor says: $(grep -oE -m 1 -- "$1" "$stage/doctor.said")"
}
