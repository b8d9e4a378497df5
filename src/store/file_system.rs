//! Which file systems SQLite's write-ahead log works on: those of this machine. Over a network,
//! processes on two hosts share neither memory nor, dependably, locks, and the database breaks.

use super::directory::c_path;
use std::fs;
use std::path::Path;

/// Kind of the network file system that `path` (on device `device`) lies on, if it does.
pub(super) fn network(path: &Path, device: u64) -> Option<String> {
    let magic = magic(path)?;
    if let Some(name) = by_magic(magic) {
        return Some(name.to_owned());
    }
    // One number stands for all of FUSE; the table of mounts tells sshfs from a local one.
    if magic != FUSE {
        return None;
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = kind_of_device(&mounts, device)?;
    is_remote_fuse(kind).then(|| kind.to_owned())
}

/// FUSE_SUPER_MAGIC of linux/magic.h.
const FUSE: u32 = 0x6573_5546;

/// Network file systems by the number `statfs` gives (linux/magic.h and the file systems' sources).
fn by_magic(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x0000_6969 => "NFS",
        0x0000_517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x0102_1997 => "9p",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0000_564c => "NCP",
        0x0bd0_0bd0 => "Lustre",
        _ => return None,
    })
}

/// FUSE file systems whose bytes are elsewhere.
fn is_remote_fuse(kind: &str) -> bool {
    const REMOTE: [&str; 12] = [
        "fuse.sshfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.davfs",
        "fuse.davfs2",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.ceph-fuse",
        "fuse.curlftpfs",
        "fuse.juicefs",
        "fuse.smbnetfs",
    ];
    REMOTE.contains(&kind)
}

/// The type of the file system mounted from `device`, from `/proc/self/mountinfo` (proc(5)): the
/// third field is `major:minor`, the type is the first one after the lone `-`.
fn kind_of_device(mounts: &str, device: u64) -> Option<&str> {
    let wanted = format!("{}:{}", libc::major(device), libc::minor(device));
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        if fields.nth(2) != Some(wanted.as_str()) {
            return None;
        }
        fields.find(|field| *field == "-")?;
        fields.next()
    })
}

fn magic(path: &Path) -> Option<u32> {
    let name = c_path(path).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `name` is NUL-terminated and outlives the call; `found` has the size asked for.
    if unsafe { libc::statfs(name.as_ptr(), found.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: statfs returned 0, so it has filled the structure.
    let found = unsafe { found.assume_init() };
    // The field's type differs between machines; the number has 32 bits on all of them.
    Some((found.f_type as u64 & 0xffff_ffff) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
90 22 0:51 / /mnt/box rw,nosuid shared:7 master:2 - fuse.sshfs box:/ rw,user_id=1000
91 22 0:52 / /mnt/safe rw,nosuid - fuse.gocryptfs /home/x/safe rw
";

    #[test]
    fn sshfs_is_told_from_a_local_fuse_file_system() {
        let sshfs = kind_of_device(MOUNTS, libc::makedev(0, 51)).unwrap();
        let local = kind_of_device(MOUNTS, libc::makedev(0, 52)).unwrap();
        assert!(is_remote_fuse(sshfs));
        assert!(!is_remote_fuse(local));
        assert_eq!(kind_of_device(MOUNTS, libc::makedev(254, 0)), Some("ext4"));
        assert_eq!(kind_of_device(MOUNTS, libc::makedev(9, 9)), None);
    }

    #[test]
    fn the_usual_network_file_systems_are_known_by_number() {
        for (magic, name) in [
            (libc::NFS_SUPER_MAGIC, "NFS"),
            (libc::SMB_SUPER_MAGIC, "SMB"),
            (libc::CODA_SUPER_MAGIC, "Coda"),
        ] {
            assert_eq!(by_magic(magic as u32), Some(name));
        }
        assert_eq!(by_magic(libc::EXT4_SUPER_MAGIC as u32), None);
        assert_eq!(by_magic(libc::TMPFS_MAGIC as u32), None);
    }

    #[test]
    fn this_machines_temporary_folder_is_local() {
        let folder = tempfile::tempdir().unwrap();
        assert!(magic(folder.path()).is_some());
        assert_eq!(network(folder.path(), 0), None);
    }
}
