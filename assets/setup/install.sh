#!/usr/bin/env bash
# Installs what twarga needs from the distribution: libvirt, QEMU, the network
# tools libvirt calls, a compiler, and what the tiny guest is packed with.
#
#   assets/setup/install.sh [--check]
#
#   --check   only say what is missing; exit 0 if nothing, 1 otherwise
#
# It can be run at any time. Whether something is missing is decided by looking
# for one telling file of each package, not by asking the package manager: that
# takes milliseconds, asks for no password, and accepts a libvirt or QEMU that
# came from elsewhere. Nothing that is there gets upgraded or removed.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assets/setup/common.sh
source "$here/common.sh"

check_only=no
case "${1-}" in
  '') ;;
  --check) check_only=yes ;;
  *) die "unknown argument: $1" ;;
esac

# Sets `family` to the package manager this script knows how to use here.
family=none
for candidate in apt-get:debian dnf:fedora pacman:arch; do
  if command -v "${candidate%%:*}" >/dev/null; then
    family=${candidate##*:}
    break
  fi
done

# The table of this family: one "package file" line each; the file may be a glob.
table="$here/packages.$family"
[[ -r $table ]] || die "no apt-get, dnf or pacman here; install libvirt, QEMU (x86_64), dnsmasq, \
iptables, cpio, a C compiler and libvirt's headers by hand"

missing=()
while read -r package proof; do
  case "$package" in '' | '#'*) continue ;; esac
  # A proof without a slash is a command, so that it is found wherever it lies.
  if [[ $proof == */* ]]; then
    compgen -G "$proof" >/dev/null || missing+=("$package")
  else
    command -v "$proof" >/dev/null || missing+=("$package")
  fi
done <"$table"

if ((${#missing[@]} == 0)); then
  exit 0
fi
# A package with several proofs is named once.
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
say "missing: ${missing[*]}"
[[ $check_only == no ]] || exit 1

# shellcheck source=assets/setup/with-apt.sh
# shellcheck source=assets/setup/with-others.sh
case "$family" in
  debian) source "$here/with-apt.sh" ;;
  *) source "$here/with-others.sh" ;;
esac
install_packages "${missing[@]}"

# A package that installs without bringing its file means that the table is
# wrong for this release; better said now than as a riddle later.
exec "$0" --check
