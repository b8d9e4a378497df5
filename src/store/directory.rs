//! The state directory and the database's files in it: made private, and refused where they are
//! not. Whoever can read them is outside the permission system, so this is checked at each start.
//!
//! Nothing here opens `twarga.db`: closing a file drops every POSIX lock that the process has on
//! it, so one look at the file would unlock a database that another thread is writing.

use super::error::{Error, Result, shown};
use super::file_system;
use std::ffi::CString;
use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The database's file in its directory.
const DATABASE: &str = "twarga.db";

/// Bytes of the smallest page, and so of the smallest database.
const SMALLEST: u64 = 512;

/// Bits that let others in.
const OTHERS: u32 = 0o077;

/// Makes `directory` if it is absent and checks it. Returns its real path: links are resolved, and
/// the process may change its working directory.
pub(super) fn prepare(directory: &Path) -> Result<PathBuf> {
    if let Err(error) = fs::metadata(directory) {
        if error.kind() != ErrorKind::NotFound {
            return Err(refused(directory, &format!("cannot be used: {error}")));
        }
        make(directory).map_err(|error| refused(directory, &format!("cannot be made: {error}")))?;
    }
    let directory = fs::canonicalize(directory)
        .map_err(|error| refused(directory, &format!("cannot be used: {error}")))?;
    check_directory(&directory)?;
    Ok(directory)
}

/// Checks the database's file and its companions, and makes it, empty and private, if it is absent.
/// Returns its path.
pub(super) fn database(directory: &Path) -> Result<PathBuf> {
    let path = directory.join(DATABASE);
    for suffix in ["", "-wal", "-shm", "-journal"] {
        check_file(&with_suffix(&path, suffix))?;
    }
    // In this order: a log that is there now was begun by a file that is not empty any more.
    let log = length(&with_suffix(&path, "-wal"))?;
    let file = length(&path)?;
    let damage = match (file.unwrap_or(0), log.unwrap_or(0)) {
        (0, 1..) => Some("it is empty or gone, but its log (-wal) is not; put it back or move the log away"),
        // SQLite takes a file of one byte for an empty one, and would overwrite it.
        (1..SMALLEST, _) => Some("it is too short to be a database"),
        _ => None,
    };
    if let Some(reason) = damage {
        let reason = reason.to_owned();
        return Err(Error::Corrupt { path, reason });
    }
    if file.is_none() {
        make_private_file(&path).map_err(|error| refused(&path, &format!("cannot be made: {error}")))?;
    }
    Ok(path)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A directory and its parents, all 0700 whatever the umask takes or leaves.
fn make(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

fn check_directory(directory: &Path) -> Result<()> {
    let found =
        fs::metadata(directory).map_err(|error| refused(directory, &format!("cannot be used: {error}")))?;
    if !found.is_dir() {
        return Err(refused(directory, "is not a directory"));
    }
    check_owner(directory, &found)?;
    check_mode(directory, &found, "700")?;
    check_writable(directory)?;
    if let Some(kind) = file_system::network(directory, found.dev()) {
        return Err(refused(
            directory,
            &format!(
                "lies on a network file system ({kind}), where SQLite cannot lock; choose a directory on a \
                 local disk"
            ),
        ));
    }
    Ok(())
}

fn check_file(path: &Path) -> Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(path, &format!("cannot be used: {error}"))),
    };
    if !found.is_file() {
        return Err(refused(path, "is not a regular file; move it away"));
    }
    check_owner(path, &found)?;
    check_mode(path, &found, "600")?;
    check_writable(path)
}

fn check_owner(path: &Path, found: &Metadata) -> Result<()> {
    let me = effective_user();
    if found.uid() == me {
        return Ok(());
    }
    let reason = format!(
        "belongs to user {}, not to you ({me}); mend with `sudo chown -R {me} {}`",
        found.uid(),
        shell_word(path)
    );
    Err(refused(path, &reason))
}

fn check_mode(path: &Path, found: &Metadata, wanted: &str) -> Result<()> {
    let mode = found.mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let reason = format!(
        "is open to others (mode {mode:04o}); mend with `chmod {wanted} {}`",
        shell_word(path)
    );
    Err(refused(path, &reason))
}

fn check_writable(path: &Path) -> Result<()> {
    let Err(error) = may_read_and_write(path) else {
        return Ok(());
    };
    let reason = match error.kind() {
        ErrorKind::ReadOnlyFilesystem => {
            "lies on a read-only file system; choose a directory that can be written".to_owned()
        }
        ErrorKind::PermissionDenied => {
            format!("cannot be written; mend with `chmod u+rwX {}`", shell_word(path))
        }
        _ => format!("cannot be written: {error}"),
    };
    Err(refused(path, &reason))
}

fn length(path: &Path) -> Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(path, &format!("cannot be used: {error}"))),
    }
}

fn refused(path: &Path, reason: &str) -> Error {
    Error::State {
        path: path.to_path_buf(),
        reason: reason.to_owned(),
    }
}

/// A path as it can be pasted into a shell.
fn shell_word(path: &Path) -> String {
    let text = shown(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Makes an empty regular file of mode 0600 without opening it (see the module's text). One that
/// another process made in the meantime is as good.
fn make_private_file(path: &Path) -> io::Result<()> {
    let name = c_path(path)?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    if unsafe { libc::mknod(name.as_ptr(), libc::S_IFREG | 0o600, 0) } != 0 {
        let error = io::Error::last_os_error();
        return match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        };
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

fn may_read_and_write(path: &Path) -> io::Result<()> {
    let name = c_path(path)?;
    let wanted = libc::R_OK | libc::W_OK | if path.is_dir() { libc::X_OK } else { 0 };
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    match unsafe { libc::faccessat(libc::AT_FDCWD, name.as_ptr(), wanted, libc::AT_EACCESS) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn effective_user() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() }
}

/// A path as C wants it.
pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}
