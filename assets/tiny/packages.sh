# shellcheck shell=bash
# Getting the tiny guest's packages: which ones, downloading, unpacking. Sourced
# by build.sh.
# shellcheck disable=SC2154 # here, log and work are set there

# What the guest's programs come from; the libraries follow from these.
guest_packages=(busybox-static dropbear-bin e2fsprogs)

# Direct dependencies of package $1, one name per line, alternatives included.
depends_of() {
  apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "$1" 2>>"$log" | awk '$1 ~ /Depends:$/ { print $2 }'
}

# The kernel behind the distribution's own name for "the kernel for guests".
# Ubuntu keeps the drivers in a package beside the image.
kernel_packages() {
  local meta image
  for meta in linux-image-cloud-amd64 linux-image-virtual; do
    image=$(depends_of "$meta" | grep -E '^linux-image-[0-9]' | head -n 1) || continue
    printf '%s\n' "$image"
    depends_of "$image" | grep -E '^linux-modules-[0-9]' || true
    return 0
  done
  return 1
}

# Everything $@ needs, as real packages that can be downloaded. apt reads all its
# lists at every call, most of a second, so there are two calls and no loop.
with_dependencies() {
  local -a named=()
  mapfile -t named < <(apt-cache depends --recurse --no-recommends --no-suggests \
    --no-conflicts --no-breaks --no-replaces --no-enhances "$@" 2>>"$log" |
    grep -E '^[a-z0-9]' | grep -vE ':i386$|^(debconf|cdebconf|dpkg|perl-base)' | sort -u)
  ((${#named[@]} > 0)) || return 0
  # A virtual package has no candidate.
  LC_ALL=C apt-cache policy "${named[@]}" 2>>"$log" | awk '
    /^[^ ]/ { name = $1; sub(/:$/, "", name) }
    $1 == "Candidate:" && $2 != "(none)" { print name }'
}

# Downloads into $1/archives and unpacks into $1/packages.
fetch_packages() {
  local work=$1 archive
  local -a kernel=() wanted=()
  mapfile -t kernel < <(kernel_packages)
  ((${#kernel[@]} > 0)) ||
    fail "the package lists have no kernel for guests (linux-image-cloud-amd64 or linux-image-virtual); run apt-get update"
  mapfile -t wanted < <(with_dependencies "${guest_packages[@]}")
  ((${#wanted[@]} > 0)) || fail "the package lists lack one of: ${guest_packages[*]}"

  mkdir -p "$work/archives" "$work/packages"
  # As root, apt would download as its own user, who can't write here.
  (cd "$work/archives" && apt-get -q -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 \
    download "${kernel[@]}" "${wanted[@]}" >>"$log" 2>&1 </dev/null) ||
    fail "downloading the packages failed: $(grep -E '^E:' "$log" | tail -n 1)"

  # One tree for all, with /bin and /lib as links into /usr, whatever each
  # package thinks about where they are.
  mkdir -p "$work/packages"/usr/{bin,sbin,lib,lib64}
  ln -s usr/bin usr/sbin usr/lib usr/lib64 "$work/packages/"
  for archive in "$work"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" |
      tar -x -C "$work/packages" --keep-directory-symlink --no-same-owner 2>>"$log"
  done
  # shellcheck disable=SC2034 # read by build.sh
  kernel_package="${kernel[0]} $(dpkg-deb -f "$work/archives/${kernel[0]}"_*.deb Version)"
  rm -rf "$work/archives"
}
