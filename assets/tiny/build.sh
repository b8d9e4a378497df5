#!/usr/bin/env bash
# Builds the tiny guest: a kernel and an initramfs made of distribution packages,
# small enough to be at a shell within seconds even under emulation.
#
#   assets/tiny/build.sh [--refresh] [FOLDER]
#
#   FOLDER     default ${XDG_DATA_HOME:-$HOME/.local/share}/twarga/tiny
#   --refresh  build even if nothing of the recipe changed, to take up newer packages
#
# FOLDER gets vmlinuz, initramfs and tiny.json; if the build fails, tiny.failed
# with the reason in one line, and what was there before stays. Works as any
# user: packages are downloaded and unpacked in a temporary folder, never
# installed. Needs apt's package lists, so Debian or Ubuntu, on x86_64.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assets/tiny/packages.sh
source "$here/packages.sh"
# shellcheck source=assets/tiny/initramfs.sh
source "$here/initramfs.sh"

refresh=no
if [[ ${1-} == --refresh ]]; then
  refresh=yes
  shift
fi
target=${1:-${XDG_DATA_HOME:-$HOME/.local/share}/twarga/tiny}
[[ $target == /* ]] || target=$PWD/$target

# Two sums, because this runs before every start of twarga and has to be quick:
# of all files of the recipe, names, modes and contents.
recipe_sum() {
  (cd -- "$here" && tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner . | sha256sum | cut -d' ' -f1)
}

# Whether FOLDER holds what this very recipe made, whole: the sum and both sizes.
up_to_date() {
  local stamp=$target/.recipe wanted
  [[ $refresh == no && -r $stamp && -r $target/tiny.json ]] || return 1
  wanted="$recipe $(stat -c %s "$target/vmlinuz" "$target/initramfs" 2>/dev/null | tr '\n' ' ')"
  [[ $(<"$stamp") == "$wanted" ]]
}

# One line of reason, for a program to show and for the operator to read.
fail() {
  mkdir -p "$target" 2>/dev/null || true
  { printf '%s\n' "$*" >"$target/tiny.failed"; } 2>/dev/null || true
  printf 'tiny: %s\n' "$*" >&2
  exit 1
}

recipe=$(recipe_sum)
if up_to_date; then
  rm -f "$target/tiny.failed"
  exit 0
fi

started=$SECONDS
mkdir -p "$target" || fail "cannot make the folder $target"
# In the target's folder, so that the renames at the end stay on one file system.
work=$(mktemp -d "$target/.build.XXXXXX") || fail "cannot write into $target"
trap 'rm -rf -- "$work"' EXIT
# What apt says goes to a log, of which a failure quotes the error.
log=$work/log
trap 'fail "the build stopped at line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND"' ERR
set -o errtrace

[[ $(uname -m) == x86_64 ]] || fail "the tiny guest is built for x86_64 only"
for tool in apt-get apt-cache dpkg-deb cpio zstd readelf; do
  command -v "$tool" >/dev/null || fail "$tool is missing; run the set-up (the tiny guest needs Debian or Ubuntu)"
done

fetch_packages "$work"       # unpacks into $work/packages, sets kernel_package
make_root "$work"            # lays out $work/root, sets kernel_image
pack_initramfs "$work"       # writes $work/initramfs
cp -- "$kernel_image" "$work/vmlinuz"

kernel_sum=$(sha256sum "$work/vmlinuz" | cut -d' ' -f1)
initramfs_sum=$(sha256sum "$work/initramfs" | cut -d' ' -f1)
version=$(printf '%s %s\n' "$kernel_sum" "$initramfs_sum" | sha256sum | cut -c1-16)
# Nothing in these values can hold a quote: sums, a package's name and version, a date.
printf '{"id":"tiny","version":"%s","kernel_sha256":"%s","initramfs_sha256":"%s","kernel_package":"%s","built_at":"%s"}\n' \
  "$version" "$kernel_sum" "$initramfs_sum" "$kernel_package" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$work/tiny.json"

size=$(($(stat -c %s "$work/vmlinuz") + $(stat -c %s "$work/initramfs")))
((size < 25 * 1024 * 1024)) || fail "the tiny guest came out at $size bytes, more than 25 MiB"
chmod 0644 "$work/vmlinuz" "$work/initramfs" "$work/tiny.json"

# The description goes last and comes off first: a reader who sees tiny.json sees
# the files that it speaks of, and its sums tell if it looked in between.
rm -f "$target/tiny.json"
mv -f "$work/vmlinuz" "$work/initramfs" "$target/"
printf '%s %s ' "$recipe" "$(stat -c %s "$target/vmlinuz" "$target/initramfs" | tr '\n' ' ' | sed 's/ $//')" \
  >"$target/.recipe"
mv -f "$work/tiny.json" "$target/"
rm -f "$target/tiny.failed"
printf 'tiny: built %s (%s, %d KiB) in %d s\n' \
  "$version" "$kernel_package" $((size / 1024)) $((SECONDS - started))
