# A Debian that boots (systemd-nspawn) in a network of its own, and checks of it. Sourced by bash behind tools/lib/common.sh.
# Each line that begins with "ok" is a check that held; the first that does not ends the script.

appliance_cache=${TASKLANE_APPLIANCE_CACHE:-/var/cache/tasklane-appliance}
passed=0
ok() { passed=$((passed + 1)); printf 'ok %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  inside journalctl -u tasklaned --no-pager -n 40 >&2 || true
  exit 1
}
# check WHAT COMMAND...: holds within ten seconds.
check() {
  local what=$1
  shift
  eventually "$@" && { ok "$what"; return; }
  fail "$what: $*"
}
eventually() {
  local turn
  for turn in $(seq 50); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  return 1
}

# install_debian RELEASE NAME [DEPENDENCIES]: a system in the cache, with what satisfies them (as a package's Depends says it).
install_debian() {
  local tree=$appliance_cache/$2 wanted=${3:-}
  [ "$(cat "$tree.ready" 2>/dev/null || echo none)" = "$wanted" ] && return
  say "installing Debian's $1 in $tree"
  rm -rf "$tree" "$tree.ready"
  mkdir -p "$appliance_cache"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,procps,iproute2 "$1" "$tree" >"$tree.log" 2>&1 \
    || die "debootstrap failed: $tree.log" 3
  if [ -n "$wanted" ]; then
    DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get satisfy -y -qq --no-install-recommends "$wanted" >>"$tree.log" 2>&1 \
      || die "cannot install $wanted: $tree.log" 3
  fi
  rm -f "$tree"/var/cache/apt/archives/*.deb
  echo "$wanted" >"$tree.ready"
}

# boot_debian_12 DEB: one that has what the package needs and recommends: apt would fetch it, and the system has no way out.
boot_debian_12() {
  install_debian bookworm debian-12 "$(dpkg-deb -f "$1" Depends), $(dpkg-deb -f "$1" Recommends), libfaketime"
  boot "$appliance_cache/debian-12"
  cp "$1" "$stage/root/root/tasklane.deb"
}

# boot TREE: a copy of it. Behind this, inside runs commands there and beside runs the host's in its network alone.
stage=$(mktemp -d)
leader=
boot() {
  say "booting ${1##*/}"
  rm -rf "$stage/root"
  cp -a "$1" "$stage/root"
  # Control groups of version 2, whatever the host has: newer systemds know no other.
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot --directory="$stage/root" --machine="tasklane-$$" \
    --private-network --register=no --keep-unit --console=read-only --system-call-filter=bpf \
    --capability=CAP_BPF,CAP_NET_ADMIN,CAP_SYS_ADMIN,CAP_SYS_RESOURCE >"$stage/console" 2>&1 </dev/null &
  nspawn=$!
  local turn
  for turn in $(seq 300); do
    # The first child only prepares for the second, which is the system.
    leader=$(awk '{ print $1 }' "/proc/$nspawn/task/$nspawn/children" 2>/dev/null) || true
    [ -n "$leader" ] && is_up && return
    sleep 0.2
  done
  cat "$stage/console" >&2
  die "the system does not boot" 3
}
is_up() { inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; }
inside() { nsenter -t "$leader" -m -u -i -n -p -C -r -w -- "$@"; }
beside() { nsenter -t "$leader" -n -- "$@"; }
shut_down() {
  # What runs beside the system does not end with it.
  local each
  for each in $(jobs -p); do [ "$each" = "${nspawn:-}" ] || kill "$each" 2>/dev/null || true; done
  [ -n "${nspawn:-}" ] || return 0
  kill "$nspawn" 2>/dev/null || true
  for _ in $(seq 50); do kill -0 "$nspawn" 2>/dev/null || break; sleep 0.1; done
  kill -9 "$nspawn" 2>/dev/null || true
  wait "$nspawn" 2>/dev/null || true
  nspawn=
}
trap 'shut_down; rm -rf "$stage"' EXIT

# ---- the agent in it

ask() { inside curl -sS -m 10 http://127.0.0.1:11434/api/version; }
pid() { inside systemctl show -p MainPID --value tasklaned; }
# The same process, as the host numbers it.
host_pid() { local name; name=$(pid); grep -l "^NSpid:.*[[:space:]]$name\$" /proc/[0-9]*/status 2>/dev/null | while read -r file; do
  [ "$(readlink "${file%/status}/ns/pid")" = "$(readlink "/proc/$leader/ns/pid")" ] && { file=${file%/status}; echo "${file##*/}"; break; }; done; }
steered() { inside tasklane stats --json | grep -o '"steered": *[0-9]*' | grep -o '[0-9]*'; }
# An answer that came through the agent: one more is steered.
through() { local before; before=$(steered) && ask && [ "$(steered)" -gt "$before" ]; }
# another_than PID: the service manager has started it anew.
another_than() { local now; now=$(pid); [ "$now" -gt 0 ] && [ "$now" != "$1" ]; }
# Whatever of a name is left outside of what no package owns.
left_of_it() {
  inside find / -xdev -iname '*tasklane*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*' -not -path '/var/log/*' "$@"
}

# ---- a model that counts, and what asks it

load() { beside python3 -B "$root_dir/tests/appliance/load.py" ask 11434 "$@"; }
figure() { python3 -c 'import functools, json, sys; print(functools.reduce(lambda v, k: v[k], sys.argv[2].split("."), json.loads(sys.argv[1])))' "$1" "$2"; }
# under_load WHAT OPTION...: nobody may notice at all.
under_load() {
  local what=$1 result
  shift
  result=$(load "$@") || fail "$what: the load"
  [ "$(figure "$result" failed.before) $(figure "$result" failed.across) $(figure "$result" failed.behind) $(figure "$result" doubled)" = "0 0 0 0" ] \
    || fail "$what: $result"
  ok "$what: $(figure "$result" asked) asked, none failed, none doubled"
}
# under_load_losing WHAT OPTION...: what was on its way when it happened may be lost, and nothing else.
under_load_losing() {
  local what=$1 result
  shift
  result=$(load "$@") || fail "$what: the load"
  [ "$(figure "$result" failed.before) $(figure "$result" failed.behind) $(figure "$result" doubled)" = "0 0 0" ] || fail "$what: $result"
  ok "$what: $(figure "$result" asked) asked, $(figure "$result" failed.across) lost that were on their way, none that came later, none doubled"
}
