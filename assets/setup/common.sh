# shellcheck shell=bash
# What the set-up scripts share: words for the operator, and becoming root.
#
# Sourced, never run. It changes nothing by itself except PATH: the daemons live
# in sbin folders, which a plain user's PATH often lacks, and without them the
# checks below would call an installed daemon missing.

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: %s\n' "$*" >&2; }
die() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# Whether as_root can work at all, without asking anybody anything when there is
# nobody to ask (a build server has no terminal).
can_be_root() {
  [[ $EUID -eq 0 ]] && return 0
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null && return 0
  [[ -t 0 ]]
}

# Runs a command as root: directly, or through sudo. sudo drops the environment,
# so variables a command needs are given with `env`.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif can_be_root; then
    sudo -- "$@"
  else
    die "this needs root and there is no working sudo; run as root: $*"
  fi
}

# systemd makes this folder when it is PID 1; the package alone doesn't mean it.
has_systemd() { [[ -d /run/systemd/system ]]; }
