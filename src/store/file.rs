//! Files, read with a cap and written whole or not at all.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::fs::TryLockError;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::fchown;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use tempfile::NamedTempFile;
use thiserror::Error;

/// How often a lock is tried, [`LOCK_PAUSE`] apart: 30 seconds in all.
const LOCK_TRIES: u32 = 3000;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Why a file cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory that a file is to be written to does not exist.
    #[error("the directory {path:?} does not exist")]
    DirectoryMissing {
        /// The directory.
        path: PathBuf,
    },
    /// Something of that name exists and must not be replaced.
    #[error("{path:?} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file is expected, and a directory was found.
    #[error("{path:?} is a directory, expected a file")]
    IsDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A file to be written is a symbolic link: writing through it is unsafe, replacing it surprises.
    #[error("{path:?} is a symbolic link; a file to be written is named itself")]
    IsSymlink {
        /// The link.
        path: PathBuf,
    },
    /// A text of several lines cannot be one line of a file.
    #[error("a line to be appended to {path:?} must not be empty or hold a line break")]
    LineInvalid {
        /// The file.
        path: PathBuf,
    },
    /// Another process keeps the file locked.
    #[error("{path:?} is still locked by another process after 30 seconds")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Part of a path is a file where a directory is expected.
    #[error("{path:?} leads through something that is not a directory")]
    NotDirectory {
        /// The whole path.
        path: PathBuf,
    },
    /// Nothing has that name.
    #[error("{path:?} does not exist")]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// A FIFO, a socket or a device, which has no end, or no content of its own.
    #[error("{path:?} is a {found}, expected an ordinary file")]
    NotRegular {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The operating system refuses access.
    #[error("permission denied for {path:?}")]
    Permission {
        /// The file or the directory.
        path: PathBuf,
    },
    /// More bytes than the caller takes.
    #[error("{path:?} has more than the {cap} bytes that are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes taken.
        cap: u64,
    },
    /// Any other failure to read.
    #[error("{path:?} cannot be read: {text}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        text: String,
    },
    /// Any other failure to write, such as a full disk.
    #[error("{path:?} cannot be written: {text}")]
    Unwritable {
        /// The file or the directory.
        path: PathBuf,
        /// What the operating system said.
        text: String,
    },
}

impl StoreError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DirectoryMissing { .. } => "file-directory-missing",
            Self::Exists { .. } => "file-exists",
            Self::IsDirectory { .. } => "file-is-directory",
            Self::IsSymlink { .. } => "file-is-symlink",
            Self::LineInvalid { .. } => "file-line-invalid",
            Self::Locked { .. } => "file-locked",
            Self::NotDirectory { .. } => "file-not-directory",
            Self::NotFound { .. } => "file-not-found",
            Self::NotRegular { .. } => "file-not-regular",
            Self::Permission { .. } => "file-permission",
            Self::TooLarge { .. } => "file-too-large",
            Self::Unreadable { .. } => "file-unreadable",
            Self::Unwritable { .. } => "file-unwritable",
        }
    }

    pub(crate) fn reading(path: &Path, error: &io::Error) -> Self {
        Self::common(path, error).unwrap_or_else(|| Self::Unreadable { path: path.to_owned(), text: error.to_string() })
    }

    pub(super) fn writing(path: &Path, error: &io::Error) -> Self {
        Self::common(path, error).unwrap_or_else(|| Self::Unwritable { path: path.to_owned(), text: error.to_string() })
    }

    /// What has a name of its own, whether one reads or writes.
    fn common(path: &Path, error: &io::Error) -> Option<Self> {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::AlreadyExists => Some(Self::Exists { path }),
            io::ErrorKind::IsADirectory => Some(Self::IsDirectory { path }),
            io::ErrorKind::NotADirectory => Some(Self::NotDirectory { path }),
            io::ErrorKind::NotFound => Some(Self::NotFound { path }),
            io::ErrorKind::PermissionDenied => Some(Self::Permission { path }),
            _ => None,
        }
    }
}

/// What happens to a file that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and writing is an error; so for private keys.
    Refuse,
    /// It is replaced in one step.
    Replace,
}

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its owner alone: 0600.
    Private,
    /// Everybody, as far as the umask permits: 0644.
    Public,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Opens an ordinary file for reading; symbolic links are followed.
///
/// What is neither file nor directory is refused without being opened, because opening can already do something
/// (a writer on a FIFO wakes up, a tape rewinds). The opened handle is checked again, and a FIFO put there in between
/// cannot make the program wait.
///
/// # Errors
/// `file-not-found`, `file-permission`, `file-is-directory`, `file-not-directory`, `file-not-regular`,
/// `file-unreadable`.
pub fn open_regular(path: &Path) -> Result<File, StoreError> {
    let metadata = fs::metadata(path).map_err(|error| StoreError::reading(path, &error))?;
    require_regular(path, &metadata)?;
    open_without_waiting(path)
}

/// Reads an ordinary file of at most `cap` bytes.
///
/// The cap holds for what is read, not for what the file system says: files of `/proc` have size 0, and a file may grow
/// while it is read. Files within their announced size are read without a copy that stays behind in freed memory.
///
/// # Errors
/// `file-too-large` and those of [`open_regular`].
pub fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>, StoreError> {
    read_handle(path, &open_regular(path)?, cap)
}

/// Writes a file in one step: others see the old file, or nothing, or all of `bytes`.
///
/// The bytes go to a temporary file in the same directory, are flushed to the disk, and take the name; then the
/// directory is flushed. After an error the temporary file is gone and a file that was there is untouched, except that
/// the very last step, flushing the directory, can fail after the whole file is in place.
///
/// A name that is a symbolic link, a directory, a FIFO, a socket or a device is never replaced.
///
/// # Errors
/// `file-exists` ([`Overwrite::Refuse`]), `file-is-symlink`, `file-is-directory`, `file-not-regular`,
/// `file-directory-missing`, `file-not-directory`, `file-permission`, `file-unwritable`.
pub fn write_atomic(path: &Path, bytes: &[u8], overwrite: Overwrite, mode: Mode) -> Result<(), StoreError> {
    let found = require_replaceable(path)?;
    if found.is_some() && overwrite == Overwrite::Refuse {
        return Err(StoreError::Exists { path: path.to_owned() });
    }
    let directory = Directory::of(path)?;
    let temporary = directory.temporary(path, mode)?;
    directory.replace(path, temporary, bytes, overwrite)
}

/// Writes a file as [`write_atomic`] does, in place of one that is there, with what `fill` writes: content too long for
/// memory. When `fill` fails, nothing is left behind.
///
/// # Errors
/// Those of `fill` and of [`write_atomic`].
pub fn write_atomic_with<E: From<StoreError>>(
    path: &Path,
    mode: Mode,
    fill: &mut dyn FnMut(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    fill_atomic(path, Overwrite::Replace, mode, fill)
}

/// As [`write_atomic_with`], with a say about a file that is there.
///
/// # Errors
/// Those of `fill` and of [`write_atomic`].
pub fn fill_atomic<E: From<StoreError>>(
    path: &Path,
    overwrite: Overwrite,
    mode: Mode,
    fill: &mut dyn FnMut(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    if require_replaceable(path)?.is_some() && overwrite == Overwrite::Refuse {
        return Err(StoreError::Exists { path: path.to_owned() }.into());
    }
    let directory = Directory::of(path)?;
    let mut temporary = directory.temporary(path, mode)?;
    fill(temporary.as_file_mut())?;
    Ok(directory.replace(path, temporary, &[], overwrite)?)
}

/// Changes a file of at most `cap` bytes in one step, under an exclusive lock on it: `change` is handed the content and
/// gives the new one, or None to leave it. Owner, group and permissions stay. Whoever keeps the file locked is waited for,
/// 30 seconds at most.
///
/// # Errors
/// Those of `change`, `file-not-found`, `file-too-large`, `file-locked`, and those of [`write_atomic`].
#[allow(clippy::type_complexity, reason = "a name for the closure would say less than its signature")]
pub fn change_atomic<E: From<StoreError>>(
    path: &Path,
    cap: u64,
    change: &mut dyn FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>,
) -> Result<(), E> {
    for _ in 0..LOCK_TRIES {
        if require_replaceable(path)?.is_none() {
            return Err(StoreError::NotFound { path: path.to_owned() }.into());
        }
        match try_lock(path)? {
            Lock::Held(file) => {
                let Some(content) = change(&read_handle(path, &file, cap)?)? else { return Ok(()) };
                return Ok(rewrite(path, &file, &content)?);
            }
            Lock::Busy => thread::sleep(LOCK_PAUSE),
            Lock::Stale => {}
        }
    }
    Err(StoreError::Locked { path: path.to_owned() }.into())
}

/// Appends lines, all or none, to a file of lines (JSON Lines), which holds at most `cap` bytes afterwards.
///
/// A file that is not there is made, as [`Mode::Public`]; a missing line break at its end is added first. The file is
/// rewritten as [`write_atomic`] does, under an exclusive lock on it, so that neither a crash nor others who append in
/// the same way lose a line. Owner, group and permissions stay; other hard links to the file keep the old content.
/// Whoever keeps the file locked is waited for, 30 seconds at most.
///
/// # Errors
/// `file-line-invalid` (empty, or a line break inside), `file-too-large`, `file-locked`, and those of [`write_atomic`]
/// and [`open_regular`].
pub fn append_lines_atomic(path: &Path, lines: &[&[u8]], cap: u64) -> Result<(), StoreError> {
    if lines.is_empty() || lines.iter().any(|line| line.is_empty() || line.contains(&b'\n')) {
        return Err(StoreError::LineInvalid { path: path.to_owned() });
    }
    for _ in 0..LOCK_TRIES {
        if require_replaceable(path)?.is_none() {
            match write_atomic(path, &appended(path, Vec::new(), lines, cap)?, Overwrite::Refuse, Mode::Public) {
                Err(StoreError::Exists { .. }) => continue,
                done => return done,
            }
        }
        match try_lock(path)? {
            Lock::Held(file) => {
                let content = appended(path, read_handle(path, &file, cap)?, lines, cap)?;
                return rewrite(path, &file, &content);
            }
            Lock::Busy => thread::sleep(LOCK_PAUSE),
            Lock::Stale => {}
        }
    }
    Err(StoreError::Locked { path: path.to_owned() })
}

fn require_regular(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let kind = metadata.file_type();
    let path = path.to_owned();
    let found = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        return Err(StoreError::IsDirectory { path });
    } else if kind.is_symlink() {
        return Err(StoreError::IsSymlink { path });
    } else if kind.is_fifo() {
        "FIFO"
    } else if kind.is_socket() {
        "socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "device"
    } else {
        "special file"
    };
    Err(StoreError::NotRegular { path, found })
}

fn open_without_waiting(path: &Path) -> Result<File, StoreError> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let file = opened.map_err(|error| StoreError::reading(path, &error))?;
    let metadata = file.metadata().map_err(|error| StoreError::reading(path, &error))?;
    require_regular(path, &metadata)?;
    Ok(file)
}

fn read_handle(path: &Path, file: &File, cap: u64) -> Result<Vec<u8>, StoreError> {
    let too_large = || StoreError::TooLarge { path: path.to_owned(), cap };
    let announced = file.metadata().map_err(|error| StoreError::reading(path, &error))?.len();
    if announced > cap {
        return Err(too_large());
    }
    // One byte more than announced lets the reader find the end without growing the vector.
    let room = usize::try_from(announced.saturating_add(1)).map_err(|_| too_large())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(room).map_err(|_| too_large())?;
    let read = file.take(cap.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| StoreError::reading(path, &error))?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > cap) { Err(too_large()) } else { Ok(bytes) }
}

/// What has the name that is to be written: nothing, or an ordinary file.
fn require_replaceable(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => require_regular(path, &metadata).map(|()| Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::writing(path, &error)),
    }
}

fn appended(path: &Path, mut content: Vec<u8>, lines: &[&[u8]], cap: u64) -> Result<Vec<u8>, StoreError> {
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    for line in lines {
        content.extend_from_slice(line);
        content.push(b'\n');
    }
    let fits = u64::try_from(content.len()).is_ok_and(|length| length <= cap);
    if fits { Ok(content) } else { Err(StoreError::TooLarge { path: path.to_owned(), cap }) }
}

/// What came of trying to lock a file.
enum Lock {
    /// Ours until the handle is closed, and the file still has its name.
    Held(File),
    /// Somebody else has it.
    Busy,
    /// Ours, but the name was given to another file meanwhile, which is the one to lock.
    Stale,
}

fn try_lock(path: &Path) -> Result<Lock, StoreError> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    // Opened for writing too: a file that may not be written is refused, and network file systems lock only then.
    match OpenOptions::new().read(true).write(true).custom_flags(flags).open(path) {
        Ok(file) => try_lock_opened(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::Stale),
        Err(error) => Err(StoreError::writing(path, &error)),
    }
}

fn try_lock_opened(path: &Path, file: File) -> Result<Lock, StoreError> {
    let locked = file.metadata().map_err(|error| StoreError::reading(path, &error))?;
    require_regular(path, &locked)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Lock::Busy),
        Err(TryLockError::Error(error)) => return Err(StoreError::writing(path, &error)),
    }
    // Whoever had the lock before may have replaced the file while we opened it.
    let named = require_replaceable(path)?;
    let same = named.is_some_and(|named| (named.dev(), named.ino()) == (locked.dev(), locked.ino()));
    Ok(if same { Lock::Held(file) } else { Lock::Stale })
}

/// Replaces a file by new content with the same owner, group and permissions.
fn rewrite(path: &Path, old: &File, content: &[u8]) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::writing(path, &error);
    let directory = Directory::of(path)?;
    let temporary = directory.temporary(path, Mode::Private)?;
    let new = temporary.as_file();
    let (before, now) = (old.metadata().map_err(failed)?, new.metadata().map_err(failed)?);
    if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
        fchown(new, Some(before.uid()), Some(before.gid())).map_err(failed)?;
    }
    new.set_permissions(before.permissions()).map_err(failed)?;
    directory.replace(path, temporary, content, Overwrite::Replace)
}

/// The directory that a file lies in, opened so that its new entry can be flushed to the disk.
struct Directory {
    path: PathBuf,
    handle: File,
}

impl Directory {
    fn of(file: &Path) -> Result<Self, StoreError> {
        if file.file_name().is_none() {
            return Err(StoreError::IsDirectory { path: file.to_owned() });
        }
        let parent = file.parent().filter(|parent| *parent != OsStr::new(""));
        let path = parent.unwrap_or(Path::new(".")).to_owned();
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(&path);
        match opened {
            Ok(handle) => Ok(Self { path, handle }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::DirectoryMissing { path }),
            Err(error) => Err(StoreError::writing(&path, &error)),
        }
    }

    fn temporary(&self, path: &Path, mode: Mode) -> Result<NamedTempFile, StoreError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".sealmark-").suffix(".tmp").permissions(Permissions::from_mode(mode.bits()));
        builder.tempfile_in(&self.path).map_err(|error| StoreError::writing(path, &error))
    }

    /// Fills a temporary file and gives it its name; dropping it on the way removes it.
    fn replace(
        &self,
        path: &Path,
        mut temporary: NamedTempFile,
        bytes: &[u8],
        overwrite: Overwrite,
    ) -> Result<(), StoreError> {
        let failed = |error: &io::Error| StoreError::writing(path, error);
        temporary.as_file_mut().write_all(bytes).map_err(|error| failed(&error))?;
        temporary.as_file().sync_all().map_err(|error| failed(&error))?;
        let persisted = match overwrite {
            Overwrite::Refuse => temporary.persist_noclobber(path),
            Overwrite::Replace => temporary.persist(path),
        };
        persisted.map_err(|error| failed(&error.error))?;
        match self.handle.sync_all() {
            // Some file systems cannot flush a directory, and say so in one of these ways.
            Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
                Err(failed(&error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Seek;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;
    use tempfile::TempDir;

    fn folder() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> &'static str {
        result.unwrap_err().code()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn fifo(path: &Path) {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    fn is_root() -> bool {
        fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
    }

    #[test]
    fn reads_what_is_there_up_to_the_cap() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_capped(&path, 5).unwrap(), b"12345");
        assert_eq!(read_capped(&path, u64::MAX).unwrap(), b"12345");
        let error = read_capped(&path, 4).unwrap_err();
        assert_eq!(error, StoreError::TooLarge { path: path.clone(), cap: 4 });
        assert_eq!(error.code(), "file-too-large");
        fs::write(&path, b"").unwrap();
        assert_eq!(read_capped(&path, 0).unwrap(), b"");
    }

    #[test]
    fn sizes_that_lie_do_not_pass_the_cap() {
        // Files of /proc say that they have no bytes.
        let path = Path::new("/proc/self/status");
        if !path.exists() {
            println!("skipped: no /proc here");
            return;
        }
        assert_eq!(fs::metadata(path).unwrap().len(), 0);
        assert_eq!(code(read_capped(path, 16)), "file-too-large");
        // No more is read than it takes to know.
        let mut handle = File::open(path).unwrap();
        assert_eq!(code(read_handle(path, &handle, 16)), "file-too-large");
        assert_eq!(handle.stream_position().unwrap(), 17);
        assert!(read_capped(path, 1 << 20).unwrap().len() > 16);
    }

    #[test]
    fn only_ordinary_files_are_read() {
        let folder = folder();
        let inside = |name: &str| folder.path().join(name);
        fs::write(inside("file"), b"x").unwrap();
        fs::create_dir(inside("folder")).unwrap();
        symlink("folder", inside("to-folder")).unwrap();
        symlink("file", inside("to-file")).unwrap();
        symlink("nowhere", inside("to-nothing")).unwrap();
        symlink("loop", inside("loop")).unwrap();
        fifo(&inside("fifo"));
        symlink("fifo", inside("to-fifo")).unwrap();
        let _listener = UnixListener::bind(inside("socket")).unwrap();
        for (name, expected) in [
            ("folder", "file-is-directory"),
            ("to-folder", "file-is-directory"),
            ("nothing", "file-not-found"),
            ("to-nothing", "file-not-found"),
            ("loop", "file-unreadable"),
            ("fifo", "file-not-regular"),
            ("to-fifo", "file-not-regular"),
            ("socket", "file-not-regular"),
            ("file/x", "file-not-directory"),
            ("nul\0byte", "file-unreadable"),
        ] {
            assert_eq!(code(open_regular(&inside(name))), expected, "{name}");
            assert_eq!(code(read_capped(&inside(name), 10)), expected, "{name}");
        }
        assert_eq!(read_capped(&inside("to-file"), 10).unwrap(), b"x");
        for device in ["/dev/zero", "/dev/null", "/dev/tty"] {
            assert_eq!(code(open_regular(Path::new(device))), "file-not-regular", "{device}");
        }
    }

    #[test]
    fn the_opened_handle_is_checked_without_waiting() {
        // As if the FIFO had come between the look at the name and the opening; a waiting open would hang the test.
        let folder = folder();
        let path = folder.path().join("fifo");
        fifo(&path);
        assert_eq!(code(open_without_waiting(&path)), "file-not-regular");
        assert_eq!(code(open_without_waiting(folder.path())), "file-is-directory");
        assert_eq!(code(try_lock(&path).map(|_| ())), "file-not-regular");
    }

    /// Permissions do not bind root, so as root the test runs again in a process without the capabilities that see to it.
    #[test]
    fn no_permission_is_said() {
        const BOUND: &str = "SEALMARK_TEST_BOUND_BY_PERMISSIONS";
        if is_root() && std::env::var_os(BOUND).is_none() {
            let name = "store::file::tests::no_permission_is_said";
            let output = Command::new("setpriv")
                .args(["--bounding-set", "-dac_override,-dac_read_search"])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", name])
                .env(BOUND, "1")
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, b"x\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        assert_eq!(code(read_capped(&path, 10)), "file-permission");
        assert_eq!(code(append_lines_atomic(&path, &[b"y"], 10)), "file-permission");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o500)).unwrap();
        let written = write_atomic(&folder.path().join("new"), b"x", Overwrite::Refuse, Mode::Public);
        assert_eq!(code(written), "file-permission");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn errors_of_the_system_have_names() {
        for (number, expected) in [
            (libc::EACCES, "file-permission"),
            (libc::EPERM, "file-permission"),
            (libc::ENOENT, "file-not-found"),
            (libc::ENOSPC, "file-unwritable"),
            (libc::EDQUOT, "file-unwritable"),
            (libc::EROFS, "file-unwritable"),
        ] {
            let error = io::Error::from_raw_os_error(number);
            let named = StoreError::writing(Path::new("f"), &error);
            assert_eq!(named.code(), expected);
            if let StoreError::Unwritable { text, .. } = named {
                assert_eq!(text, error.to_string());
            }
        }
    }

    #[test]
    fn writes_whole_files_with_their_mode() {
        let folder = folder();
        let path = folder.path().join("name.key");
        write_atomic(&path, b"secret", Overwrite::Refuse, Mode::Private).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"secret".to_vec(), 0o600));
        let again = write_atomic(&path, b"other", Overwrite::Refuse, Mode::Private);
        assert_eq!(again.unwrap_err(), StoreError::Exists { path: path.clone() });
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        write_atomic(&path, b"other", Overwrite::Replace, Mode::Public).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"other");
        assert_eq!(mode(&path) & !0o044, 0o600);
        assert_eq!(names(folder.path()), ["name.key"]);
    }

    #[test]
    fn a_replaced_file_that_was_open_to_all_becomes_private() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, b"x").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        write_atomic(&path, b"secret", Overwrite::Replace, Mode::Private).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_name_taken_while_writing_is_not_replaced() {
        // As if the file had come between the look at the name and the last step.
        let folder = folder();
        let path = folder.path().join("file");
        let directory = Directory::of(&path).unwrap();
        let temporary = directory.temporary(&path, Mode::Private).unwrap();
        fs::write(&path, b"theirs").unwrap();
        assert_eq!(code(directory.replace(&path, temporary, b"ours", Overwrite::Refuse)), "file-exists");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn only_ordinary_files_are_replaced() {
        let folder = folder();
        let inside = |name: &str| folder.path().join(name);
        fs::write(inside("file"), b"x").unwrap();
        fs::create_dir(inside("folder")).unwrap();
        symlink("file", inside("link")).unwrap();
        symlink("nowhere", inside("dangling")).unwrap();
        fifo(&inside("fifo"));
        let before = names(folder.path());
        for (name, expected) in [
            ("folder", "file-is-directory"),
            ("link", "file-is-symlink"),
            ("dangling", "file-is-symlink"),
            ("fifo", "file-not-regular"),
            ("file/x", "file-not-directory"),
            ("missing/x", "file-directory-missing"),
            ("..", "file-is-directory"),
            ("nul\0byte", "file-unwritable"),
        ] {
            for overwrite in [Overwrite::Refuse, Overwrite::Replace] {
                assert_eq!(code(write_atomic(&inside(name), b"y", overwrite, Mode::Public)), expected, "{name}");
            }
            assert_eq!(code(append_lines_atomic(&inside(name), &[b"y"], 100)), expected, "{name}");
        }
        assert_eq!(code(write_atomic(Path::new("/"), b"y", Overwrite::Replace, Mode::Public)), "file-is-directory");
        assert_eq!(code(write_atomic(Path::new(""), b"y", Overwrite::Replace, Mode::Public)), "file-is-directory");
        // The check must hold for root too, who could replace a device by a file.
        assert_eq!(
            code(write_atomic(Path::new("/dev/null"), b"y", Overwrite::Replace, Mode::Public)),
            "file-not-regular"
        );
        assert_eq!(names(folder.path()), before);
        assert_eq!(fs::read(inside("file")).unwrap(), b"x");
    }

    /// Runs `tests` again in a process where no file may have more than 32 KiB or 64 KiB (the unit of ulimit varies).
    #[test]
    fn a_write_that_fails_half_way_leaves_nothing() {
        const FOLDER: &str = "SEALMARK_TEST_SMALL_FILES";
        if let Some(folder) = std::env::var_os(FOLDER) {
            return writes_fail_and_leave_nothing(Path::new(&folder));
        }
        let folder = folder();
        // The signal that says so would end the process; programs inherit that it is ignored.
        let script = r#"trap "" XFSZ; ulimit -f 64; exec "$0" --exact "$1""#;
        let name = "store::file::tests::a_write_that_fails_half_way_leaves_nothing";
        let output = Command::new("sh")
            .args(["-c", script])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        assert_eq!(names(folder.path()), ["lines", "old"]);
    }

    #[test]
    fn a_full_disk_leaves_nothing() {
        let folder = folder();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(folder.path()).output();
        if !mount.is_ok_and(|output| output.status.success()) {
            println!("skipped: no small file system could be mounted here");
            return;
        }
        let outcome = std::panic::catch_unwind(|| writes_fail_and_leave_nothing(folder.path()));
        assert!(Command::new("umount").arg(folder.path()).status().unwrap().success());
        outcome.unwrap();
    }

    fn writes_fail_and_leave_nothing(folder: &Path) {
        let (old, lines) = (folder.join("old"), folder.join("lines"));
        fs::write(&old, b"old").unwrap();
        fs::write(&lines, b"one\n").unwrap();
        let large = vec![b'x'; 1 << 20];
        for overwrite in [Overwrite::Refuse, Overwrite::Replace] {
            let written = write_atomic(&folder.join("new"), &large, overwrite, Mode::Public);
            assert_eq!(code(written), "file-unwritable");
        }
        assert_eq!(code(write_atomic(&old, &large, Overwrite::Replace, Mode::Public)), "file-unwritable");
        assert_eq!(code(append_lines_atomic(&lines, &[&large], 1 << 30)), "file-unwritable");
        assert_eq!(code(append_lines_atomic(&folder.join("new"), &[&large], 1 << 30)), "file-unwritable");
        assert_eq!(names(folder), ["lines", "old"]);
        assert_eq!(fs::read(&old).unwrap(), b"old");
        assert_eq!(fs::read(&lines).unwrap(), b"one\n");
    }

    #[test]
    fn lines_are_appended() {
        let folder = folder();
        let path = folder.path().join("lines.jsonl");
        append_lines_atomic(&path, &[b"one"], 100).unwrap();
        append_lines_atomic(&path, &[b"two"], 100).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        fs::write(&path, b"one").unwrap();
        append_lines_atomic(&path, &[b"two"], 100).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        assert_eq!(names(folder.path()), ["lines.jsonl"]);
        for line in [&b""[..], b"a\nb", b"a\n"] {
            assert_eq!(code(append_lines_atomic(&path, &[line], 100)), "file-line-invalid");
        }
    }

    #[test]
    fn a_file_of_lines_is_capped() {
        let folder = folder();
        let path = folder.path().join("lines");
        assert_eq!(code(append_lines_atomic(&path, &[b"1234"], 4)), "file-too-large");
        assert!(!path.exists());
        append_lines_atomic(&path, &[b"1234"], 5).unwrap();
        assert_eq!(code(append_lines_atomic(&path, &[b"5"], 6)), "file-too-large");
        assert_eq!(code(append_lines_atomic(&path, &[b"5"], 2)), "file-too-large");
        assert_eq!(fs::read(&path).unwrap(), b"1234\n");
    }

    #[test]
    fn appending_keeps_permissions_and_owner() {
        let folder = folder();
        let path = folder.path().join("lines");
        fs::write(&path, b"one\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        let owner = if is_root() {
            (1234, 4321)
        } else {
            (fs::metadata(&path).unwrap().uid(), fs::metadata(&path).unwrap().gid())
        };
        std::os::unix::fs::chown(&path, Some(owner.0), Some(owner.1)).unwrap();
        append_lines_atomic(&path, &[b"two"], 100).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(((after.uid(), after.gid()), mode(&path)), (owner, 0o664));
    }

    #[test]
    fn those_who_append_at_once_lose_nothing() {
        const THREADS: usize = 8;
        const LINES: usize = 12;
        let folder = folder();
        let path = folder.path().join("lines");
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let path = &path;
                scope.spawn(move || {
                    for line in 0..LINES {
                        let text = format!("{thread}:{line}:{}", "x".repeat(500 + line));
                        append_lines_atomic(path, &[text.as_bytes()], 1 << 20).unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        let found: BTreeSet<&str> = text.lines().collect();
        assert_eq!((text.lines().count(), found.len()), (THREADS * LINES, THREADS * LINES));
        for thread in 0..THREADS {
            for line in 0..LINES {
                assert!(found.contains(format!("{thread}:{line}:{}", "x".repeat(500 + line)).as_str()));
            }
        }
        assert_eq!(names(folder.path()), ["lines"]);
    }

    #[test]
    fn locks_are_respected_and_follow_the_name() {
        let folder = folder();
        let path = folder.path().join("lines");
        fs::write(&path, b"one\n").unwrap();
        let Lock::Held(held) = try_lock(&path).unwrap() else { panic!("was free") };
        assert!(matches!(try_lock(&path).unwrap(), Lock::Busy));
        // The name goes to another file: the lock on the old one says nothing about it.
        let late = File::open(&path).unwrap();
        write_atomic(&path, b"two\n", Overwrite::Replace, Mode::Public).unwrap();
        let Lock::Held(new) = try_lock(&path).unwrap() else { panic!("was free") };
        // Whoever opened the old file and gets its lock only now must look again.
        drop(held);
        assert!(matches!(try_lock_opened(&path, late).unwrap(), Lock::Stale));
        drop(new);
        fs::remove_file(&path).unwrap();
        assert!(matches!(try_lock(&path).unwrap(), Lock::Stale));
    }
}
