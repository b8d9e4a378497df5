#!/usr/bin/env bash
# Brings up libvirt's system daemon, so that qemu:///system answers.
#
#   assets/setup/daemons.sh
#
# With systemd: sees that libvirt's sockets are enabled and listening. Without a
# service manager (a container, a build server): starts `virtlogd -d` and
# `libvirtd -d` itself, and mends what the service manager would have cared for.
# A daemon that answers is left alone. Where root is out of reach it says what to
# do and still succeeds: qemu:///session needs no running service.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assets/setup/common.sh
source "$here/common.sh"

# libvirt as one daemon, or as one daemon per driver (Fedora's default).
sockets=(/run/libvirt/libvirt-sock /run/libvirt/virtqemud-sock)

# A socket file can outlive its daemon, so a connection is made. `uri` asks the
# daemon nothing that would probe QEMU. The time limit is for a hung daemon.
answers() {
  timeout 10 virsh -q -c qemu:///system uri </dev/null >/dev/null 2>&1
}

socket_there() {
  local socket
  for socket in "${sockets[@]}"; do
    [[ -S $socket ]] && return 0
  done
  return 1
}

main() {
  command -v virsh >/dev/null || die "virsh is missing; run assets/setup/install.sh first"
  if has_systemd; then
    socket_there || start_with_systemd
  else
    open_kvm
    answers || start_by_hand
  fi
  tell_about_group
}

start_with_systemd() {
  if ! can_be_root; then
    warn "libvirt's system daemon isn't running and there is no sudo; qemu:///session works without it"
    return 0
  fi
  # One of these two families exists, whichever the distribution ships.
  if systemctl cat libvirtd.socket >/dev/null 2>&1; then
    as_root systemctl enable --now virtlogd.socket libvirtd.socket
  else
    as_root systemctl enable --now virtlogd.socket virtqemud.socket \
      virtnetworkd.socket virtstoraged.socket virtnwfilterd.socket virtnodedevd.socket
  fi
  say "libvirt's sockets are enabled"
}

start_by_hand() {
  # It may well run and not talk to this user; a second one would be refused.
  if [[ $EUID -ne 0 ]] && pgrep -x libvirtd >/dev/null; then
    return 0
  fi
  if ! can_be_root; then
    warn "no service manager and no root; qemu:///session works without the system daemon"
    return 0
  fi
  # virtlogd writes the guests' console logs; libvirtd looks for it when a guest
  # starts. One that is already there makes the second refuse, which is fine.
  as_root virtlogd -d </dev/null 2>/dev/null || true
  as_root libvirtd -d </dev/null || die "libvirtd did not start; see /var/log/libvirt and run it by hand: libvirtd -v"
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    if as_root timeout 10 virsh -q -c qemu:///system uri </dev/null >/dev/null 2>&1; then
      say "started virtlogd and libvirtd (there is no service manager here)"
      return 0
    fi
    sleep 0.1
  done
  die "libvirtd was started but its socket does not answer"
}

# The name of the user QEMU runs as under the system daemon.
qemu_user() {
  local configured name
  configured=$(as_root sed -n 's/^[[:space:]]*user[[:space:]]*=[[:space:]]*"\([^"]*\)".*/\1/p' \
    /etc/libvirt/qemu.conf 2>/dev/null | tail -n 1)
  for name in "$configured" libvirt-qemu qemu; do
    if [[ -n $name ]] && id -u "$name" >/dev/null 2>&1; then
      printf '%s\n' "$name"
      return 0
    fi
  done
}

# Lets QEMU's user reach /dev/kvm as udev would have: group kvm, mode 0660.
#
# Without udev the device is root's alone. Then libvirtd, as root, finds KVM when
# it probes QEMU, and QEMU's own user can't open it when the result is looked up;
# it takes its cache for stale and probes again at every look-up. Defining a
# machine takes about a minute that way instead of 30 ms. Whether KVM then works
# is another matter and twarga's to find out. Only done without systemd (which
# has udev), and only where the group already is QEMU's: no one is let in whom
# the distribution wouldn't let in. It lasts until the next boot, hence at every
# run, also beside a daemon that runs: it notices at once.
open_kvm() {
  local user
  [[ -c /dev/kvm ]] || return 0
  # The usual case first, with two look-ups of a file and no process.
  [[ $(stat -c '%G %a' /dev/kvm) != 'kvm 660' ]] || return 0
  can_be_root || return 0
  user=$(qemu_user)
  [[ -n $user && $user != root ]] || return 0
  if as_root setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups \
    test -r /dev/kvm -a -w /dev/kvm 2>/dev/null; then
    return 0
  fi
  if [[ " $(id -Gn "$user") " != *" kvm "* ]]; then
    warn "/dev/kvm is closed to $user, which isn't in group kvm; libvirt may be slow (see twarga doctor)"
    return 0
  fi
  if as_root chgrp kvm /dev/kvm && as_root chmod 0660 /dev/kvm; then
    say "/dev/kvm: now group kvm, mode 0660, as udev would have set it" \
      "(closed to $user, libvirt would probe QEMU anew at every step)"
  else
    warn "/dev/kvm could not be opened to $user; libvirt may be slow (see twarga doctor)"
  fi
}

# A user gets to the system daemon by being in group libvirt. Asked only of users
# whom it turned away just now.
tell_about_group() {
  local me
  [[ $EUID -ne 0 ]] || return 0
  getent group libvirt >/dev/null || return 0
  socket_there || return 0
  ! answers || return 0
  me=$(id -un)
  if id -Gn "$me" | tr ' ' '\n' | grep -qx libvirt; then
    say "$me is in group libvirt, but libvirt's system daemon still says no: log in again" \
      "(and polkit has to run); qemu:///session works meanwhile"
  else
    say "to use qemu:///system: sudo usermod -aG libvirt $me, then log in again;" \
      "qemu:///session works meanwhile"
  fi
}

main
