# The arrangements of config/README.md's "Containers", one behind the other, with a real Docker engine. Sourced by
# tests/appliance/containers in namespaces of their own.

network_of_its_own() {
  mkdir -p /run/netns
  ip link set lo up
  ip netns add elsewhere
  ip link add here type veth peer name there netns elsewhere
  ip address add 10.77.0.1/24 dev here
  ip link set here up
  elsewhere ip address add 10.77.0.2/24 dev there
  elsewhere ip link set there up
  elsewhere ip link set lo up
}
modelsim=$stage/installed/usr/libexec/tasklane/modelsim
# model_in CONTAINER [OPTION...]: a model server in a container, on its port 11434.
model_in() {
  local name=$1
  shift
  docker run -d --name "$name" "$@" --entrypoint /usr/libexec/tasklane/modelsim tasklane --listen 0.0.0.0:11434 >/dev/null
}
# front_end_in CONTAINER [OPTION...]: a container that asks.
front_end_in() {
  local name=$1
  shift
  docker run -d --name "$name" "$@" debian:12-slim sleep 1000000 >/dev/null
}
address_of() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
gone() { docker rm -f "$@" >/dev/null; }

# ---- the agent in a container of its own

# The lines of config/README.md as they stand; Docker before 23 may not know of CAP_BPF, which CAP_SYS_ADMIN holds.
run_as_written() {
  local lines
  lines=$(copied_from config/README.md "$1")
  [ -n "$lines" ] || fail "config/README.md has no lines to run for: $1"
  if ! bash -ec "$lines" >"$stage/run.said" 2>&1; then
    grep -q 'unknown capability: "CAP_BPF"' "$stage/run.said" || fail "the lines of $1 do not run"
    bash -ec "${lines//--cap-add=BPF/--cap-add=SYS_ADMIN}" >"$stage/run.said" 2>&1 || fail "the lines of $1 do not run with SYS_ADMIN"
  fi
  check "$1: the container runs, and its agent answers" docker exec tasklane tasklane stats
}

an_agent_in_a_container() {
  say "the agent in a container"
  mkdir -p "$stage/etc"
  mount --bind "$stage/etc" /etc/tasklane
  printf '{"version": 1, "intercept": [{"port": 11434}], "answer_header": true, "packs": ["open-webui"]}\n' >/etc/tasklane/tasklane.json
  "$modelsim" --listen 0.0.0.0:11434 >/dev/null 2>&1 &
  model=$!
  [[ $(<"$root_dir/README.md") == *"$(copied_from config/README.md "the host's models")"* ]] || fail "README.md has other lines than config/README.md"
  run_as_written "the host's models"
  check "a model on the host is shaped by it" shaped what_answers 127.0.0.1:11434
  check "for another machine too" shaped elsewhere what_answers 10.77.0.1:11434
  kill "$model"
  wait "$model" || true
  "$modelsim" --listen 0.0.0.0:11434 >/dev/null 2>&1 &
  model=$!
  check "a model that is started behind it too" shaped what_answers 127.0.0.1:11434
  eventually doctor_in_container || fail "the doctor in its container finds a problem"
  ok "the doctor in its container finds nothing wrong"
  docker exec tasklane sh -c 'for each in /proc/[0-9]*; do case $(cat $each/comm) in tasklane*) grep -H ^Uid: $each/status;; esac; done' >"$stage/users.said"
  [ "$(grep -cE ':Uid:([[:space:]]+[1-9][0-9]*){4}' "$stage/users.said") of $(wc -l <"$stage/users.said")" = "2 of 2" ] || fail "an agent or helper is root in its container"
  ok "neither it nor its helper is root there"
  docker stop tasklane >/dev/null
  check "stopped, traffic is direct" direct what_answers 127.0.0.1:11434
  docker start tasklane >/dev/null
  check "started, it steers again" shaped what_answers 127.0.0.1:11434
  docker kill -s KILL tasklane >/dev/null
  check "killed, traffic is direct" direct what_answers 127.0.0.1:11434
  gone tasklane
  kill "$model"
  wait "$model" || true

  printf '{"version": 1, "netns": "container:ollama", "intercept": [{"port": 11434}], "answer_header": true, "packs": ["open-webui"]}\n' >/etc/tasklane/tasklane.json
  model_in ollama
  run_as_written "models in containers"
  check "a model in another container is shaped by it" shaped what_answers "$(address_of ollama):11434"
  docker restart -t 0 ollama >/dev/null
  check "and followed when it is started anew" shaped what_answers "$(address_of ollama):11434"
  eventually doctor_in_container || fail "the doctor in its container finds a problem"
  ok "the doctor in its container finds nothing wrong"
  docker stop tasklane >/dev/null
  check "stopped, traffic is direct" direct what_answers "$(address_of ollama):11434"
  gone tasklane ollama
  umount /etc/tasklane
}

# ---- the model on the host, who asks in a container

a_front_end_in_a_container() {
  say "the model on the host, the front end in a container"
  "$modelsim" --listen 0.0.0.0:11434 >/dev/null 2>&1 &
  model=$!
  front_end_in webui --add-host host.docker.internal:host-gateway
  agent "" 11434
  check "the front end's requests by the bridge are shaped" shaped inside webui host.docker.internal:11434
  check "and those by the bridge's address" shaped inside webui 172.17.0.1:11434
  doctor_says 'port 11434: new connections to 0.0.0.0:11434 \(modelsim, process [0-9]+\) go through the agent'
  stop_agent KILL
  check "the agent killed, traffic is direct" direct inside webui host.docker.internal:11434
  gone webui
  kill "$model"
  wait "$model" || true
}

# ---- the model in a container, its port published

# a_published_port HOW: each way to it.
a_published_port() {
  say "the model in a container, its port published ($1)"
  model_in ollama -p 8080:11434
  agent "" 8080
  doctor_says 'port 8080 is published .*: .*'
  doctor_says '"netns": "container:ollama", "intercept": \[\{"port": 11434\}\]'
  stop_agent
  agent container:ollama 11434
  check "$1: asked over loopback" shaped what_answers 127.0.0.1:8080
  check "$1: asked by the host's address" shaped what_answers 10.77.0.1:8080
  check "$1: asked from another machine" shaped elsewhere what_answers 10.77.0.1:8080
  check "$1: asked by the container's address" shaped what_answers "$(address_of ollama):11434"
  front_end_in webui --add-host host.docker.internal:host-gateway
  check "$1: asked from another container by the host's published port" shaped inside webui host.docker.internal:8080
  doctor_says 'port 11434: .* container ollama\) go through the agent.*published.*8080.*'
  eventually doctor || fail "the doctor finds a problem"
  stop_agent KILL
  check "$1: the agent killed, traffic is direct" direct elsewhere what_answers 10.77.0.1:8080
  doctor --fix || fail "doctor --fix"
  sed -n '/^{/,/^}/p' "$stage/doctor.said" | sed '2i "answer_header": true,' >"$stage/fixed.json"
  agent_by "$stage/fixed.json"
  check "$1: what doctor --fix prints steers it" shaped elsewhere what_answers 10.77.0.1:8080
  stop_agent
  gone webui ollama
}

# ---- the host's network

the_hosts_network() {
  say "the model in a container with the host's network"
  model_in ollama --network host
  agent "" 11434
  check "asked over loopback" shaped what_answers 127.0.0.1:11434
  check "asked from another machine" shaped elsewhere what_answers 10.77.0.1:11434
  eventually doctor || fail "the doctor finds a problem"
  doctor_says 'port 11434: new connections to 0.0.0.0:11434 \(modelsim, process [0-9]+, container ollama\) go through the agent'
  docker restart -t 0 ollama >/dev/null
  check "and when it is started anew" shaped what_answers 127.0.0.1:11434
  stop_agent KILL
  check "the agent killed, traffic is direct" direct what_answers 127.0.0.1:11434
  gone ollama
}

# ---- both in one network of their own, as compose makes it

up() {
  if command -v docker-compose >/dev/null; then
    cat >"$stage/compose.yaml" <<'END'
version: "3.8"
services:
  ollama: {image: tasklane, entrypoint: [/usr/libexec/tasklane/modelsim, --listen, "0.0.0.0:11434"]}
  webui: {image: "debian:12-slim", entrypoint: [sleep, "1000000"], depends_on: [ollama]}
END
    docker-compose -p shop -f "$stage/compose.yaml" up -d "$@" >"$stage/compose.said" 2>&1 || fail "docker-compose up"
    ollama=$(docker ps --format '{{.Names}}' --filter label=com.docker.compose.service=ollama)
    webui=$(docker ps --format '{{.Names}}' --filter label=com.docker.compose.service=webui)
  else
    ollama=shop-ollama-1 webui=shop-webui-1
    docker rm -f "$ollama" "$webui" >/dev/null 2>&1 || true
    docker network inspect shop >/dev/null 2>&1 || docker network create shop >/dev/null
    model_in "$ollama" --network shop --network-alias ollama
    front_end_in "$webui" --network shop
  fi
}
# followed WHAT COMMAND...: behind it the model is shaped again; says how long that took once the model answered.
followed() {
  local what=$1 before answers
  shift
  before=$(entered)
  "$@" >/dev/null 2>&1 || fail "$what: $*"
  eventually inside "$webui" ollama:11434 || fail "$what: the model does not answer"
  answers=$(date +%s%N)
  eventually shaped inside "$webui" ollama:11434 || fail "$what: not steered again"
  figure "$what" "steered within $((($(date +%s%N) - answers) / 1000000)) ms of its first answer"
  eventually has_entered $((before + 1)) || fail "$what: the statistics do not count it: $(entered)"
  [ "$(grep -cF "steering in the network namespace" "$stage/agent.said")" = $((before + 1)) ] || fail "$what: the log has no line of it"
  ok "$what: followed, with a line in the log and in the statistics"
}
in_one_network() {
  say "model and front end in one network ($(command -v docker-compose >/dev/null && docker-compose version --short || echo docker network create))"
  up
  agent "" 11434
  doctor_says 'the model on port 11434 listens in another network namespace: .*container shop[-_]ollama[-_]1\)'
  doctor_says "\"netns\": \"container:$ollama\""
  stop_agent
  agent "container:$ollama" 11434
  check "container:$ollama: the front end's requests are shaped" shaped inside "$webui" ollama:11434
  eventually doctor || fail "the doctor finds a problem"
  followed "docker restart" docker restart -t 0 "$ollama"
  followed "docker stop, docker start" sh -c "docker stop -t 0 $ollama && docker start $ollama"
  followed "recreated" up --force-recreate
  docker rm -f "$ollama" >/dev/null
  check "removed, nothing is steered, and the statistics say so" is_nowhere
  has_said "container:$ollama is gone" || fail "the log does not say that it is gone"
  ok "and the log"
  doctor_says "there is no such network namespace now: container:$ollama|the network namespace in which it steers is not there: container:$ollama"
  followed "back" up
  docker restart -t 0 "$ollama" >/dev/null
  stop_agent KILL
  check "the agent killed meanwhile, traffic is direct" direct inside "$webui" ollama:11434
  agent of-listener:11434 11434
  check "of-listener:11434: the front end's requests are shaped" shaped inside "$webui" ollama:11434
  followed "of-listener, docker restart" docker restart -t 0 "$ollama"
  stop_agent
  docker rm -f "$ollama" "$webui" >/dev/null
}

# ---- podman

podman_too() {
  command -v podman >/dev/null || { say "podman is not installed here: not tried"; return; }
  say "a container of podman's"
  local podman=(podman --root "$stage/podman" --runroot /run/podman-run --cgroup-manager cgroupfs)
  mkdir -p /run/podman
  "${podman[@]}" system service --time 0 unix:///run/podman/podman.sock >"$stage/podman.said" 2>&1 &
  local service=$!
  docker save tasklane | "${podman[@]}" load >>"$stage/podman.said" 2>&1 || fail "podman load"
  "${podman[@]}" run -d --name pod-ollama --network none --entrypoint /usr/libexec/tasklane/modelsim tasklane --listen 0.0.0.0:11434 >>"$stage/podman.said" 2>&1 \
    || { say "podman runs no container here: not tried"; kill "$service"; return 0; }
  mkdir -p "$stage/etc"
  agent container:pod-ollama 11434
  by_itself() { nsenter -n -t "$("${podman[@]}" inspect -f '{{.State.Pid}}' pod-ollama)" -- curl -sS -m 5 -D - -o /dev/null http://127.0.0.1:11434/api/version; }
  check "podman's container is steered by its name" shaped by_itself
  doctor_says 'port 11434: .*, container pod-ollama\) go through the agent'
  "${podman[@]}" restart -t 0 pod-ollama >>"$stage/podman.said" 2>&1
  check "and followed when it is started anew" shaped by_itself
  stop_agent
  check "the agent stopped, traffic is direct" direct by_itself
  printf '{"version": 1, "netns": "container:pod-ollama", "intercept": [{"port": 11434}], "answer_header": true}\n' >"$stage/etc/tasklane.json"
  mount --bind "$stage/etc" /etc/tasklane
  podman_lines=$(copied_from config/README.md "models in containers" | sed 's|/run/docker.sock|/run/podman/podman.sock|g; s|^docker run|run|')
  eval "\"\${podman[@]}\" $podman_lines" >>"$stage/podman.said" 2>&1 || fail "podman does not run the agent"
  check "the agent in a container of podman's steers it" shaped by_itself
  "${podman[@]}" rm -f tasklane >>"$stage/podman.said" 2>&1
  umount /etc/tasklane
  "${podman[@]}" rm -f -t 0 pod-ollama >>"$stage/podman.said" 2>&1
  kill "$service"
}

network_of_its_own
engine "${options[@]}"
an_agent_in_a_container
a_front_end_in_a_container
a_published_port "with docker-proxy"
the_hosts_network
in_one_network
stop_engine
engine "${options[@]}" --userland-proxy=false
a_published_port "without docker-proxy"
podman_too
