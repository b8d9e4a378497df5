# shellcheck shell=bash
# Making a disk of the Debian guest's files. Sourced by debian-image.
# shellcheck disable=SC2154 # work is set there

mbr=/usr/lib/syslinux/mbr/mbr.bin
# Room for kernel and initramfs, and where the partitions begin, in MiB. The root file system comes
# last, so that it can grow with the disk.
boot_start=1
boot_size=79
root_start=$((boot_start + boot_size))

# Writes a disk with what lies in folder $1 to file $2. Nothing is mounted.
make_disk() {
  local root=$1 disk=$2 kernel boot size
  kernel=$(basename -- "$(find "$root/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)")
  [[ -n $kernel ]] || die "no kernel was installed"
  printf '%s\n' "${kernel#vmlinuz-}" >"$work/kernel"
  # A third more than what is there: file tables, and room to boot before it has grown.
  size=$(($(du -sm --apparent-size "$root" | cut -f1) * 4 / 3 + 64))
  truncate -s $(((root_start + size + 1) * 1024 * 1024)) "$disk"
  sfdisk --quiet "$disk" <<TABLE
label: dos
start=${boot_start}MiB, size=${boot_size}MiB, type=c, bootable
start=${root_start}MiB, size=${size}MiB, type=83
TABLE
  dd if="$mbr" of="$disk" bs=440 count=1 conv=notrunc status=none

  export MTOOLS_SKIP_CHECK=1
  boot=$disk@@$((boot_start * 1024 * 1024))
  mformat -i "$boot" -v BOOT -F -T $((boot_size * 2048)) -h 64 -s 32 ::
  cat >"$work/syslinux.cfg" <<'CONFIG'
DEFAULT debian
LABEL debian
  KERNEL vmlinuz
  INITRD initrd.img
  APPEND root=LABEL=guest ro console=tty0 console=ttyS0,115200 net.ifnames=0 panic=5 mitigations=off apparmor=0 audit=0 quiet systemd.show_status=yes
CONFIG
  mcopy -i "$boot" "$work/syslinux.cfg" ::
  mcopy -i "$boot" "$root/boot/$kernel" ::vmlinuz
  mcopy -i "$boot" "$root/boot/initrd.img-${kernel#vmlinuz-}" ::initrd.img
  syslinux --install --offset $((boot_start * 1024 * 1024)) "$disk"
  # They are read from the boot partition; the one in the root would be a second copy.
  rm -f "$root"/boot/vmlinuz-* "$root"/boot/initrd.img-*

  mke2fs -q -t ext4 -L guest -d "$root" -E "offset=$((root_start * 1024 * 1024)),lazy_itable_init=1,nodiscard" \
    "$disk" "${size}M" 2>&1 | grep -v 'contains a dos partition table' >&2 || true
}
