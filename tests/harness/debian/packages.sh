# shellcheck shell=bash
# The Debian guest's packages and its settings. Sourced by debian-image.
# shellcheck disable=SC2154 # here and work are set there

# What a cloud image has, and what the stories run in it.
guest_packages=(
  systemd systemd-sysv udev dbus kmod init initramfs-tools zstd
  iproute2 netbase passwd login e2fsprogs fdisk procps tzdata
  cloud-init cloud-guest-utils openssh-server qemu-guest-agent sudo
  htop mc dialog tmux vim-tiny less ncurses-base ncurses-term
)

# The sources of this machine that are the distribution's own, one line of sources.list each. Others
# (a runner has many) have nothing that is needed, and keys that the guest would not know.
sources() {
  apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' \
    'Created-By: Packages' | sort -u | awk -F'|' '
      $1 !~ /^(Debian|Ubuntu)$/ || $3 ~ /backports|proposed|experimental/ { next }
      $4 !~ /^(main|universe)$/ { next }
      {
        keys = "/usr/share/keyrings/" tolower($1) "-archive-keyring.gpg"
        options = (getline line < keys) >= 0 ? "[signed-by=" keys "] " : ""
        print "deb " options $2, $3, $4
      }'
}

# How this machine fetches: proxies, their exceptions, tolerance for an archive's old snapshot.
apt_settings() {
  apt-config dump Acquire | grep -E '^Acquire::(https?|ftp|Check-|Retries|Max-|ForceIPv)' || true
}

# The distribution's own name for "the kernel for guests": Debian's, then Ubuntu's.
kernel_package() {
  local name
  for name in linux-image-cloud-amd64 linux-image-virtual; do
    if LC_ALL=C apt-cache policy "$name" | grep 'Candidate: [0-9]' >/dev/null; then
      printf '%s\n' "$name"
      return 0
    fi
  done
  return 1
}

# Installs the packages into folder $1.
install_system() {
  local -a lines=()
  local kernel suite IFS=,
  mapfile -t lines < <(sources)
  # A machine may have thrown its lists away, or kept some that are of no use here.
  if ((${#lines[@]} == 0)) || ! kernel_package >/dev/null; then
    apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 update
    mapfile -t lines < <(sources)
  fi
  ((${#lines[@]} > 0)) || die "apt has no lists of Debian's or Ubuntu's packages; run: apt-get update"
  kernel=$(kernel_package) || die "the package lists have no kernel for guests; run: apt-get update"
  # The first is the release itself; the others are its updates.
  suite=$(printf '%s\n' "${lines[@]}" | awk '{ print $(NF - 1) }' | awk '{ print length, $0 }' |
    sort -n | head -n 1 | cut -d' ' -f2)
  apt_settings >"$work/apt.conf"
  # Root's mode, since guesses differ between a machine and a container. What nobody reads in a test
  # is left out, and nothing is synced: a build that was cut is made again.
  DEBIAN_FRONTEND=noninteractive mmdebstrap --mode=root --format=directory --variant=apt \
    --include="$kernel,${guest_packages[*]}" \
    --aptopt="$work/apt.conf" --aptopt='Acquire::Languages "none"' \
    --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt=force-unsafe-io --dpkgopt=force-confold \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook="cp -r -- '$here/debian/root/.' \"\$1\"" \
    "$suite" "$1" "${lines[@]}"
}

# Leaves folder $1 as an image is that has never run.
furnish_system() {
  local root=$1 unit
  # Not conffiles of any package, but of the build.
  rm -rf "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/etc/ssh/ssh_host_*
  # Each machine makes its own.
  : >"$root/etc/machine-id"
  rm -f "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
  printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$root/etc/hosts"
  printf 'LABEL=guest / ext4 errors=remount-ro,noatime 0 0\n' >"$root/etc/fstab"
  systemctl --root="$root" --quiet enable systemd-networkd.service
  # Chores of a machine that lives long, which an emulated one has to wait for.
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
}
