# Shared by tools/run, tools/test and the benchmarks: become root, install what is missing, build.
# Sourced by bash with `set -euo pipefail`.

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '== %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$1" >&2; exit "${2:-2}"; }

# Starts the calling script again as root where it is not: steering and network namespaces need it.
become_root() {
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null || die "needs root, and there is no sudo here: run it as root (su -c '$0 $*')" 3
  exec sudo --preserve-env=CI,TASKLANE_SHARED_CORPUS,TASKLANE_REAL_CACHE,TASKLANE_REAL_PYTHON,TASKLANE_APPLIANCE_CACHE "$0" "$@"
}

# Installs the packages of the named lists that are not there yet.
install_missing() {
  local wanted missing=()
  for wanted in $(sed 's/#.*//' "$@"); do
    dpkg-query -W -f '${db:Status-Status}\n' "$wanted" 2>/dev/null | grep -qx installed || missing+=("$wanted")
  done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get: ${missing[*]}" 3
  say "installing ${missing[*]}"
  apt-get update -qq || die "apt-get update failed: is there a network?" 3
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
    || die "could not install: ${missing[*]}" 3
}

# build PRESET [TARGET...]: configures once, builds the targets (or everything).
build() {
  local preset=$1
  shift
  say "building ($preset)"
  cmake --preset "$preset" -S "$root_dir" >/dev/null
  cmake --build "$root_dir/build/$preset" ${1:+--target "$@"} >&2
}
