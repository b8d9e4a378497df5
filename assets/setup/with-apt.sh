# shellcheck shell=bash
# Installing on Debian 12, Debian 13 and Ubuntu. Sourced by install.sh.
#
# Every call waits for another apt instead of failing, asks no questions, and
# takes no recommended packages: libvirt's would bring a desktop's worth.

apt_options=(-y -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3
  --no-install-recommends)

# $@: arguments of apt-get. Closed standard input, because a maintainer script
# that reads it would wait for ever on a build server.
apt() {
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get "${apt_options[@]}" "$@" </dev/null
}

install_packages() {
  local -a wanted=()
  local package
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || refresh_lists

  # Debian 13 splits the daemon into more packages than Debian 12 has. The split
  # ones are wanted only where they exist.
  while read -r package; do
    [[ -n $(candidate_of "$package") ]] && wanted+=("$package")
  done < <(printf '%s\n' "$@")
  ((${#wanted[@]} > 0)) || die "the package lists know none of: $*"

  # libvirt-daemon-system is content with either kind of service manager glue.
  # In a container that has none, the systemd one would install all of systemd.
  if [[ " ${wanted[*]} " == *" libvirt-daemon-system "* && ! -e /lib/systemd/systemd ]] &&
    [[ -n $(candidate_of libvirt-daemon-system-sysv) ]]; then
    wanted+=(libvirt-daemon-system-sysv)
  fi

  if ! fits "${wanted[@]}"; then
    match_qemu
    fits "${wanted[@]}" || explain_misfit "${wanted[@]}"
  fi
  say "installing: ${wanted[*]}"
  # A list from last month names files that the archive no longer has; one
  # refresh mends that, a second failure is a real one.
  if ! install_now "${wanted[@]}"; then
    warn "that failed; refreshing the package lists and trying once more"
    refresh_lists
    install_now "${wanted[@]}"
  fi
}

refresh_lists() {
  say "fetching the package lists"
  apt update
}

# Prints the version apt would install of $1; nothing if there is none.
candidate_of() {
  # LC_ALL: the words are translated otherwise.
  LC_ALL=C apt-cache policy "$1" 2>/dev/null |
    awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

installed_version() {
  dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null |
    awk '$1 == "installed" { print $2 }'
}

# Whether apt can install $@ without removing anything of the operator's. The
# versions chosen by match_qemu go with them.
fits() {
  local plan
  plan=$(apt-get -s --no-install-recommends --allow-downgrades install \
    "$@" "${qemu_versions[@]}" 2>&1) || return 1
  ! grep -q '^Remv ' <<<"$plan"
}

install_now() {
  local -a downgrade=()
  ((${#qemu_versions[@]} == 0)) || downgrade=(--allow-downgrades)
  # Services: on a machine without a service manager they can't be started by
  # the packages (daemons.sh does it); invoke-rc.d then merely says so. With
  # systemd they are started as the packages intend.
  apt "${downgrade[@]}" install "$@" "${qemu_versions[@]}"
}

# The packages of QEMU refuse to be mixed across versions. A machine that has,
# say, qemu-utils from backports but no qemu-system-x86 can't simply install the
# latter: apt prefers the release's version, which breaks the installed one. So
# a matching set is chosen: the version that is installed, if the emulator is to
# be had in it; otherwise what is installed goes back to the release's version.
qemu_versions=()
match_qemu() {
  local installed candidate package
  installed=$(installed_version qemu-utils)
  [[ -n $installed ]] || return 0
  if apt-cache madison qemu-system-x86 | awk '{ print $3 }' | grep -qxF -- "$installed"; then
    say "taking QEMU in the version of the installed qemu-utils, $installed"
    for package in qemu-system-x86 qemu-system-common qemu-system-data; do
      qemu_versions+=("$package=$installed")
    done
    return 0
  fi
  candidate=$(candidate_of qemu-system-x86)
  [[ -n $candidate ]] || return 0
  warn "qemu-utils $installed has no matching emulator in the package sources;" \
    "going back to $candidate for both"
  # Everything of QEMU's that is installed has to move together.
  for package in qemu-utils qemu-block-extra qemu-system-common qemu-system-gui; do
    [[ -n $(installed_version "$package") ]] && qemu_versions+=("$package=$candidate")
  done
  return 0
}

explain_misfit() {
  apt-get -s --no-install-recommends --allow-downgrades install \
    "$@" "${qemu_versions[@]}" 2>&1 | tail -n 15 >&2
  die "the packages can't be installed beside what is here without removing something (above); \
install them by hand: $*"
}
