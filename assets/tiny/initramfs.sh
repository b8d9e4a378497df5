# shellcheck shell=bash
# Laying out the tiny guest's root and packing it. Sourced by build.sh.
# shellcheck disable=SC2154 # here, log and work are set there

# Programs beside busybox, whose own mke2fs knows ext2 only.
guest_programs=(usr/sbin/dropbear usr/bin/dropbearkey usr/sbin/mke2fs usr/sbin/resize2fs)

make_root() {
  local root=$1/root packages=$1/packages program
  local -a images=()
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,lib/modules,lib64,proc,sys,dev,run,tmp,root,home,data,var/log}
  cp -R -- "$here/root/." "$root/"
  install -m 0755 "$(one_of "$packages"/usr/bin/busybox)" "$root/bin/busybox"
  [[ -x $packages/usr/sbin/mke2fs ]] || fail "the packages hold no mke2fs"
  for program in "${guest_programs[@]}"; do
    install -m 0755 "$(one_of "$packages/$program")" "$root/$program"
    add_libraries "$packages" "$root" "$packages/$program"
  done
  # Small and needed to know what ext4 features to use.
  [[ ! -f $packages/etc/mke2fs.conf ]] || cp "$packages/etc/mke2fs.conf" "$root/etc/"

  images=("$packages"/boot/vmlinuz-*)
  # shellcheck disable=SC2034 # read by build.sh
  kernel_image=$(one_of "${images[0]}")
  add_modules "$packages" "$root"
}

one_of() {
  [[ -f $1 ]] || fail "the packages hold no ${1#"$work"/packages/}"
  printf '%s\n' "$1"
}

# Copies the shared libraries that program $3 names, and theirs in turn.
add_libraries() {
  local packages=$1 root=$2 file=$3 name found
  while read -r name; do
    [[ -n $name && ! -e $root/lib/$name && ! -e $root/lib64/$name ]] || continue
    found=$(find "$packages"/usr/lib*/ -name "$name" -print -quit)
    [[ -n $found ]] || fail "no package brings the library $name"
    # The loader is named by its path in every program; the rest is looked up.
    if [[ $name == ld-linux* ]]; then
      install -m 0755 "$(readlink -f "$found")" "$root/lib64/$name"
    else
      install -m 0644 "$(readlink -f "$found")" "$root/lib/$name"
    fi
    add_libraries "$packages" "$root" "$found"
  done < <(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
    readelf -l "$file" | sed -n 's/.*interpreter: .*\/\(.*\)\]/\1/p')
}

# Copies the drivers listed in `modules`, each after what it depends on, and
# writes the order to lib/modules/order.
add_modules() {
  local packages=$1 root=$2 name
  module_folder=$(find "$packages/usr/lib/modules" -mindepth 1 -maxdepth 1 -type d | head -n 1)
  [[ -d $module_folder ]] || fail "the kernel package holds no modules"
  : >"$root/lib/modules/order"
  while read -r name; do
    case "$name" in '' | '#'*) continue ;; esac
    add_module "$root" "$name"
  done <"$here/modules"
}

add_module() {
  local root=$1 name=$2 pattern file dependency
  local -a dependencies=()
  # The kernel takes - and _ for the same letter; file names have either.
  pattern=${name//[-_]/[-_]}
  grep -qxE "${name//[-_]/[-_]}\.ko" "$root/lib/modules/order" && return 0
  file=$(find "$module_folder" -name "$pattern.ko*" -print -quit)
  if [[ -z $file ]]; then
    grep -qE "/$pattern\.ko$" "$module_folder/modules.builtin" && return 0
    fail "the kernel has no driver $name, neither as a module nor built in"
  fi
  unpack_module "$file" "$work/module.ko"
  # The list of dependencies stands in the module as "depends=a,b".
  IFS=, read -r -a dependencies < <(tr '\0' '\n' <"$work/module.ko" |
    grep -aoE '^depends=[A-Za-z0-9_,-]*' | head -n 1 | cut -d= -f2 | tr -d '\n'; echo)
  for dependency in "${dependencies[@]}"; do
    add_module "$root" "$dependency"
  done
  # The recursion used the same file.
  unpack_module "$file" "$root/lib/modules/$name.ko"
  printf '%s.ko\n' "$name" >>"$root/lib/modules/order"
}

# Debian 13 and Ubuntu compress them; the guest's insmod shall not have to know.
unpack_module() {
  case "$1" in
    *.ko) cp "$1" "$2" ;;
    *.ko.xz) xz -dc "$1" >"$2" ;;
    *.ko.zst) zstd -qdc "$1" >"$2" ;;
    *.ko.gz) gzip -dc "$1" >"$2" ;;
    *) fail "a module in an unknown form: ${1##*/}" ;;
  esac
}

# Reproducible: the same packages and recipe give the same bytes, hence the same
# version. Sorted, with one date, all root's; no device nodes, since the kernel
# makes them (devtmpfs), so that no privilege is needed.
pack_initramfs() {
  local root=$1/root
  chmod 0700 "$root/root"
  chmod 0600 "$root/etc/shadow"
  # What git doesn't keep of modes: everything readable, scripts' bits stay.
  find "$root" -type d ! -path "$root/root" -exec chmod 0755 {} +
  find "$root" -exec touch -h -d @0 {} +
  (cd "$root" && find . -print0 | LC_ALL=C sort -z |
    cpio --null --create --format=newc --owner=0:0 --reproducible --quiet) |
    zstd -q -19 -T1 -o "$1/initramfs"
}
