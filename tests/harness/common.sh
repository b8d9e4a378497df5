# shellcheck shell=bash
# What both harnesses share. Sourced, never run.

# The daemons live in sbin folders, which a user's PATH often lacks.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# A missing tool fails the run. It never skips: a test that didn't run proves
# nothing, and nobody reads about it.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || die "$tool is missing; run: make setup"
  done
}

# Runs $@ until it succeeds, every 50 ms, at most $1 seconds. A condition, not a
# time: a loaded machine takes longer.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# Starts this harness again as root, if sudo lets us without a question. The
# command's surroundings go along by name; sudo would drop them.
become_root() {
  local -a kept=()
  local name
  sudo -n true 2>/dev/null ||
    die "needs root, and sudo doesn't work without a password; run it as root"
  while IFS= read -r name; do
    kept+=("$name=${!name}")
  done < <(compgen -e | grep -E '^(PATH|HOME|TERM|LANG|LC_ALL|TMPDIR|TWARGA_.*|CARGO.*|RUST.*|XDG_.*)$')
  exec sudo -n -- env "${kept[@]}" "$@"
}

# Runs `unshare $@` so that it can't be outlived: whatever ends this shell, even
# SIGKILL, ends unshare (the kernel's parent-death signal), and unshare's end is
# the end of its PID namespace, that is of every daemon and guest in it. unshare
# itself sits out SIGTERM, hence the trap. Sets nothing up on disk, so there is
# nothing to tidy. Returns what the inside returned.
run_unshared() {
  local child status=0
  # <&0: a shell's background jobs otherwise lose their standard input.
  setpriv --pdeathsig KILL unshare --mount --net --pid --fork --mount-proc \
    --kill-child --propagation private "$@" <&0 &
  child=$!
  # shellcheck disable=SC2064 # the child of now
  trap "kill -KILL $child 2>/dev/null" TERM INT HUP EXIT
  wait "$child" || status=$?
  trap - TERM INT HUP EXIT
  return "$status"
}

# Ends what a session's libvirt left running, where no PID namespace does it: the
# daemons and guests whose files lie in folder $1, found by their environment.
end_session_of() {
  local path
  for path in /proc/[0-9]*; do
    if [[ -O $path/environ ]] &&
      tr '\0' '\n' 2>/dev/null <"$path/environ" | grep -qxF "XDG_RUNTIME_DIR=$1/run"; then
      kill -KILL "${path##*/}" 2>/dev/null || true
    fi
  done
}
