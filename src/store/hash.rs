//! Artifact files to digests, in one streaming pass.

use std::array;
use std::fs::File;
use std::io;
use std::io::Read;
use std::num::NonZeroUsize;
use std::panic;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::SystemTime;

use aws_lc_rs::digest;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestError;
use crate::store::file::StoreError;
use crate::store::file::open_regular;
use crate::store::parallel::MAX_THREADS;
use crate::store::parallel::in_parallel_with;

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// A file at least this large, in bytes, is read by one thread and hashed by others when threads are to spare.
const PIPELINE: u64 = 8 << 20;

/// How far hashing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashProgress {
    /// Bytes hashed so far.
    pub bytes_done: u64,
    /// Sum of the sizes that the files had before the first was opened, in bytes.
    pub bytes_total: u64,
    /// Files hashed or refused so far.
    pub files_done: usize,
    /// All files.
    pub files_total: usize,
}

/// Why a file has no digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The file cannot be opened, or is no regular file.
    #[error(transparent)]
    File(#[from] StoreError),
    /// The operating system failed while the file was read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file was written to while it was read, so no digest is that of a file that ever was.
    #[error("{}: expected a file that stays as it is while it is read, {expected} bytes, found {found} bytes", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Size when it was opened, in bytes.
        expected: u64,
        /// Size, or bytes read, when the change was seen.
        found: u64,
    },
    /// An algorithm that sealmark reads and compares but does not compute over a file.
    #[error("a {0} digest of a file cannot be computed")]
    NotComputable(Algorithm),
    /// A file name that a directory digest cannot hold.
    #[error("a file name in a dirHash has no line feed, found {0:?}")]
    DirectoryName(String),
    /// A digest came out in another length than its algorithm has.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl HashError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(source) => source.code(),
            Self::Read { .. } => "hash-read-failed",
            Self::Changed { .. } => "hash-file-changed",
            Self::NotComputable(_) => "digest-not-computable",
            Self::DirectoryName(_) => "hash-directory-name",
            Self::Digest(_) => "hash-digest-length",
        }
    }
}

/// Digests of files, in the order of `paths`; each in the order of `algorithms`.
///
/// Every file is read once, 1 MiB at a time, whatever its size and however many algorithms there are. Files are taken
/// by up to `threads` threads (at most 64). A large file is hashed beside its reading, each algorithm by a thread of
/// its own, when there are more threads than files. Memory is at most 3 MiB a thread, whatever the files hold.
///
/// Computed are sha256, sha384, sha512, sha512_256, sha3_256, sha3_384, sha3_512 and gitBlob (of SHA-1 repositories). For
/// dirHash see [`directory_digest`].
///
/// `progress` is called by those threads after each chunk and after each file.
///
/// # Errors
/// One [`HashError`] for each file that has no digest; the others are hashed all the same.
pub fn hash_files(
    paths: &[PathBuf],
    algorithms: &[Algorithm],
    progress: &(dyn Fn(HashProgress) + Sync),
    threads: NonZeroUsize,
) -> Vec<Result<Vec<Digest>, HashError>> {
    // What cannot be looked at here is refused with a reason when its turn comes.
    let total = paths.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).fold(0, u64::saturating_add);
    let job = Job {
        algorithms,
        pipelined: threads.get().min(MAX_THREADS) > paths.len(),
        progress,
        total: (total, paths.len()),
        done: (AtomicU64::new(0), AtomicUsize::new(0)),
    };
    let buffer = || vec![0; CHUNK];
    in_parallel_with(paths.iter().collect(), threads, buffer, |buffer, path| {
        let result = job.hash(path, buffer);
        job.file_done();
        result
    })
}

/// Digests of one file, taken of the very bytes that `read` reads; what it leaves is read after it.
///
/// # Errors
/// Every [`HashError`]. What `read` returns is handed back beside the digests, whatever it is.
pub fn hash_while<T>(
    path: &Path,
    algorithms: &[Algorithm],
    read: impl FnOnce(&mut dyn Read) -> T,
) -> Result<(T, Vec<Digest>), HashError> {
    let file = open_regular(path)?;
    let (size, written) = state(&file, path)?;
    let sums = algorithms.iter().map(|algorithm| Sum::new(*algorithm, size)).collect::<Result<Vec<_>, _>>()?;
    let mut tee = Tee { source: Source { file: &file, path, size, read: 0 }, sums, failed: None };
    let value = read(&mut tee);
    // An error of the file itself is kept in `failed`, whatever became of it.
    let rest = io::copy(&mut tee, &mut io::sink());
    if let Some(error) = tee.failed {
        return Err(error);
    }
    rest.map_err(|source| HashError::Read { path: path.to_owned(), source })?;
    let (found, written_now) = state(&file, path)?;
    if tee.source.read != size || found != size || written_now != written {
        let found = if found == size { tee.source.read } else { found };
        return Err(HashError::Changed { path: path.to_owned(), expected: size, found });
    }
    let digests = tee.sums.into_iter().map(Sum::finish).collect::<Result<_, _>>()?;
    Ok((value, digests))
}

/// A file that is hashed as it is read.
struct Tee<'a> {
    source: Source<'a>,
    sums: Vec<Sum>,
    failed: Option<HashError>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.source.next(buffer) {
            Ok(chunk) => {
                let chunk = chunk.unwrap_or_default();
                self.sums.iter_mut().for_each(|sum| sum.context.update(chunk));
                Ok(chunk.len())
            }
            Err(error) => {
                let text = error.to_string();
                self.failed.get_or_insert(error);
                Err(io::Error::other(text))
            }
        }
    }
}

/// The `dirHash` of a directory that holds files of these names and SHA-256 digests.
///
/// Go's `Hash1` (golang.org/x/mod/sumdb/dirhash) in hexadecimal, without `h1:`: SHA-256 over one line for each file,
/// `HEX␠␠NAME` and a line feed, sorted by the bytes of the name. Names are relative to the directory, with `/`.
///
/// # Errors
/// [`HashError::DirectoryName`] for a name with a line feed, [`HashError::NotComputable`] for a digest that is no sha256.
pub fn directory_digest<'a>(files: impl IntoIterator<Item = (&'a str, &'a Digest)>) -> Result<Digest, HashError> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by_key(|(name, _)| *name);
    let mut context = digest::Context::new(&digest::SHA256);
    for (name, file) in files {
        if name.contains('\n') {
            return Err(HashError::DirectoryName(name.to_owned()));
        }
        if file.algorithm() != Algorithm::Sha256 {
            return Err(HashError::NotComputable(Algorithm::DirHash));
        }
        context.update(format!("{}  {name}\n", file.hex()).as_bytes());
    }
    Ok(Digest::new(Algorithm::DirHash, context.finish().as_ref().to_vec())?)
}

/// What the reading threads share.
struct Job<'a> {
    algorithms: &'a [Algorithm],
    /// There are threads that have no file to read.
    pipelined: bool,
    progress: &'a (dyn Fn(HashProgress) + Sync),
    /// Bytes and files.
    total: (u64, usize),
    done: (AtomicU64, AtomicUsize),
}

impl Job<'_> {
    fn hash(&self, path: &Path, buffer: &mut [u8]) -> Result<Vec<Digest>, HashError> {
        let file = open_regular(path)?;
        let (size, written) = state(&file, path)?;
        let sums = self.algorithms.iter().map(|algorithm| Sum::new(*algorithm, size)).collect::<Result<Vec<_>, _>>()?;
        let mut source = Source { file: &file, path, size, read: 0 };
        let sums = if self.pipelined && size >= PIPELINE {
            self.pipeline(&mut source, sums)?
        } else {
            self.in_turn(&mut source, sums, buffer)?
        };
        let (found, written_now) = state(&file, path)?;
        if source.read != size || found != size || written_now != written {
            let found = if found == size { source.read } else { found };
            return Err(HashError::Changed { path: path.to_owned(), expected: size, found });
        }
        sums.into_iter().map(Sum::finish).collect()
    }

    fn in_turn(&self, source: &mut Source<'_>, mut sums: Vec<Sum>, buffer: &mut [u8]) -> Result<Vec<Sum>, HashError> {
        while let Some(chunk) = source.next(buffer)? {
            sums.iter_mut().for_each(|sum| sum.context.update(chunk));
            self.bytes_done(chunk.len());
        }
        Ok(sums)
    }

    /// This thread reads; one thread for each algorithm hashes.
    ///
    /// A channel holds one chunk. When chunk N has been sent, N-1 has been received, so N-2 has been let go by every
    /// hashing thread: three buffers are enough.
    fn pipeline(&self, source: &mut Source<'_>, sums: Vec<Sum>) -> Result<Vec<Sum>, HashError> {
        thread::scope(|scope| {
            let (mut senders, mut running) = (Vec::new(), Vec::new());
            for sum in sums {
                let (sender, chunks) = sync_channel(1);
                senders.push(sender);
                running.push(scope.spawn(move || sum.over(&chunks)));
            }
            let mut buffers: [Arc<Vec<u8>>; 3] = array::from_fn(|_| Arc::new(vec![0; CHUNK]));
            loop {
                buffers.rotate_left(1);
                let [buffer, ..] = &mut buffers;
                let Some(chunk) = source.next(Arc::make_mut(buffer).as_mut_slice())? else { break };
                let length = chunk.len();
                for sender in &senders {
                    // A receiver that is gone has panicked; the join below says so.
                    drop(sender.send((Arc::clone(buffer), length)));
                }
                self.bytes_done(length);
            }
            drop(senders);
            let ended = running.into_iter().map(|thread| thread.join());
            Ok(ended.map(|sum| sum.unwrap_or_else(|cause| panic::resume_unwind(cause))).collect())
        })
    }

    fn bytes_done(&self, bytes: usize) {
        self.done.0.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
        self.tell();
    }

    fn file_done(&self) {
        self.done.1.fetch_add(1, Relaxed);
        self.tell();
    }

    fn tell(&self) {
        let (bytes_total, files_total) = self.total;
        let (bytes_done, files_done) = (self.done.0.load(Relaxed), self.done.1.load(Relaxed));
        (self.progress)(HashProgress { bytes_done, bytes_total, files_done, files_total });
    }
}

/// Size in bytes and time of the last write.
fn state(file: &File, path: &Path) -> Result<(u64, Option<SystemTime>), HashError> {
    let metadata = file.metadata().map_err(|source| HashError::Read { path: path.to_owned(), source })?;
    Ok((metadata.len(), metadata.modified().ok()))
}

/// A file being read.
struct Source<'a> {
    file: &'a File,
    path: &'a Path,
    size: u64,
    read: u64,
}

impl Source<'_> {
    /// The next bytes, or `None` at the end; a file that grows is refused, so this ends.
    fn next<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, HashError> {
        let length = loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(HashError::Read { path: self.path.to_owned(), source }),
                Ok(length) => break length,
            }
        };
        self.read = self.read.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if self.read > self.size {
            let (path, expected, found) = (self.path.to_owned(), self.size, self.read);
            return Err(HashError::Changed { path, expected, found });
        }
        Ok(buffer.get(..length).filter(|chunk| !chunk.is_empty()))
    }
}

/// A SHA-256 digest of content that comes piece by piece.
pub(crate) struct Running(digest::Context);

impl Running {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of what came so far.
    pub(crate) fn digest(&self) -> Vec<u8> {
        self.0.clone().finish().as_ref().to_vec()
    }
}

/// One digest in the making, of content whose size is known.
pub(crate) struct Sum {
    algorithm: Algorithm,
    context: digest::Context,
}

impl Sum {
    pub(crate) fn new(algorithm: Algorithm, size: u64) -> Result<Self, HashError> {
        let function = match algorithm {
            Algorithm::Sha256 => &digest::SHA256,
            Algorithm::Sha384 => &digest::SHA384,
            Algorithm::Sha512 => &digest::SHA512,
            Algorithm::Sha512_256 => &digest::SHA512_256,
            Algorithm::Sha3_256 => &digest::SHA3_256,
            Algorithm::Sha3_384 => &digest::SHA3_384,
            Algorithm::Sha3_512 => &digest::SHA3_512,
            Algorithm::GitBlob => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            other => return Err(HashError::NotComputable(other)),
        };
        let mut context = digest::Context::new(function);
        if algorithm == Algorithm::GitBlob {
            // gitformat-loose(5), and how git names every object: type, space, size, NUL, content.
            context.update(format!("blob {size}\0").as_bytes());
        }
        Ok(Self { algorithm, context })
    }

    fn over(mut self, chunks: &Receiver<(Arc<Vec<u8>>, usize)>) -> Self {
        for (buffer, length) in chunks {
            self.context.update(buffer.get(..length).unwrap_or_default());
        }
        self
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    pub(crate) fn finish(self) -> Result<Digest, HashError> {
        Ok(Digest::new(self.algorithm, self.context.finish().as_ref().to_vec())?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::process::Command;
    use std::sync::Mutex;
    use std::time::Duration;
    use std::time::Instant;

    use super::*;

    const ALL: [Algorithm; 8] = [
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Sha512_256,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
        Algorithm::GitBlob,
    ];

    fn hash(paths: &[PathBuf], algorithms: &[Algorithm], threads: usize) -> Vec<Result<Vec<Digest>, HashError>> {
        hash_files(paths, algorithms, &|_| {}, NonZeroUsize::new(threads).unwrap())
    }

    fn code(result: &Result<Vec<Digest>, HashError>) -> &'static str {
        result.as_ref().unwrap_err().code()
    }

    fn folder_with(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
        files.iter().zip(&paths).for_each(|((_, bytes), path)| fs::write(path, bytes).unwrap());
        (folder, paths)
    }

    /// FIPS 180-4 and 202 examples of "abc"; gitBlob as `git hash-object` prints it.
    #[test]
    fn known_answers() {
        let expected = [
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "sha512_256:53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
            "sha3_256:3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            "sha3_384:ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
            "sha3_512:b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            "gitBlob:f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f",
        ];
        let (_folder, paths) = folder_with(&[("abc", b"abc"), ("empty", b"")]);
        let results = hash(&paths, &ALL, 1);
        let found: Vec<_> = results[0].as_ref().unwrap().iter().map(Digest::to_string).collect();
        assert_eq!(found, expected);
        let empty = results[1].as_ref().unwrap();
        assert_eq!(empty[0].hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(empty[7].hex(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }

    #[test]
    fn large_files_are_hashed_alike_in_turn_and_beside_their_reading() {
        let sizes = [CHUNK - 1, CHUNK, CHUNK + 1, 8 << 20, (9 << 20) + 17];
        let files: Vec<_> = sizes.map(|n| (0..n).map(|i| u8::try_from(i % 251).unwrap()).collect::<Vec<_>>()).into();
        let names = ["a", "b", "c", "d", "e"];
        let list: Vec<_> = names.into_iter().zip(files.iter().map(Vec::as_slice)).collect();
        let (_folder, paths) = folder_with(&list);
        for (path, bytes) in paths.iter().zip(&files) {
            let expected: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(bytes).into();
            for threads in [1, 16] {
                let results = hash(std::slice::from_ref(path), &ALL, threads);
                let digests = results[0].as_ref().unwrap();
                assert_eq!(digests[0].bytes(), expected);
                let sha512: [u8; 64] = <sha2::Sha512 as sha2::Digest>::digest(bytes).into();
                assert_eq!(digests[2].bytes(), sha512);
            }
        }
    }

    #[test]
    fn results_keep_the_order_of_paths_and_algorithms() {
        let names: Vec<_> = (0..300).map(|n| format!("{n:03}")).collect();
        let list: Vec<_> = names.iter().map(|n| (n.as_str(), n.as_bytes())).collect();
        let (_folder, mut paths) = folder_with(&list);
        paths.insert(7, PathBuf::from("/nonexistent/file"));
        let results = hash(&paths, &[Algorithm::Sha512, Algorithm::Sha256], 4);
        assert_eq!(results.len(), 301);
        for (path, result) in paths.iter().zip(&results) {
            let Some(bytes) = path.file_name().filter(|n| *n != "file") else {
                assert!(result.is_err());
                continue;
            };
            let digests = result.as_ref().unwrap();
            assert_eq!(digests[0].algorithm(), Algorithm::Sha512);
            let expected: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(bytes.as_encoded_bytes()).into();
            assert_eq!(digests[1].bytes(), expected);
        }
        assert!(hash(&[], &ALL, 4).is_empty());
    }

    #[test]
    fn progress_ends_at_the_totals() {
        let big = vec![1; (9 << 20) + 5];
        let (_folder, paths) = folder_with(&[("a", b"abc"), ("b", &big)]);
        for threads in [1, 2, 4] {
            let last = Mutex::new((0, 0, 0));
            let tell = |p: HashProgress| {
                assert_eq!((p.bytes_total, p.files_total), ((9 << 20) + 8, 2));
                let mut last = last.lock().unwrap();
                *last = (last.0.max(p.bytes_done), last.1.max(p.files_done), last.2 + 1);
            };
            hash_files(&paths, &[Algorithm::Sha256], &tell, NonZeroUsize::new(threads).unwrap());
            let (bytes, files, calls) = *last.lock().unwrap();
            assert_eq!((bytes, files), ((9 << 20) + 8, 2));
            assert!(calls >= 13, "{calls}");
        }
    }

    #[test]
    fn what_cannot_be_computed_is_refused() {
        let (_folder, paths) = folder_with(&[("abc", b"abc")]);
        for algorithm in Algorithm::all().filter(|a| !ALL.contains(a)) {
            let results = hash(&paths, &[Algorithm::Sha256, algorithm], 1);
            assert_eq!(code(&results[0]), "digest-not-computable", "{algorithm}");
        }
    }

    #[test]
    fn directories_pipes_and_devices_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let paths = [folder.path().to_owned(), pipe, PathBuf::from("/dev/zero"), folder.path().join("absent")];
        let started = Instant::now();
        for threads in [1, 8] {
            assert!(hash(&paths, &[Algorithm::Sha256], threads).iter().all(Result::is_err));
        }
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    /// Lets `change` loose on a file after its first chunk was hashed.
    fn changed_meanwhile(size: usize, threads: usize, change: impl Fn(&mut File) + Sync) -> &'static str {
        let (_folder, paths) = folder_with(&[("a", &vec![0; size])]);
        let mut file = File::options().write(true).open(&paths[0]).unwrap();
        // The clock that stamps files ticks slowly; an old stamp makes a write visible at once.
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        io::Seek::seek(&mut file, io::SeekFrom::End(0)).unwrap();
        let file = Mutex::new(Some(file));
        let tell = |_| {
            if let Some(mut file) = file.lock().unwrap().take() {
                change(&mut file);
            }
        };
        code(&hash_files(&paths, &[Algorithm::Sha256], &tell, NonZeroUsize::new(threads).unwrap())[0])
    }

    #[test]
    fn files_that_change_while_they_are_read_are_refused() {
        for (size, threads) in [(3 << 20, 1), (20 << 20, 4)] {
            let grown = changed_meanwhile(size, threads, |file| file.write_all(b"more").unwrap());
            assert_eq!(grown, "hash-file-changed");
            let shrunk = changed_meanwhile(size, threads, |file| file.set_len(1 << 20).unwrap());
            assert_eq!(shrunk, "hash-file-changed");
            let rewritten = changed_meanwhile(size, threads, |file| {
                io::Seek::seek(file, io::SeekFrom::Start(0)).unwrap();
                file.write_all(b"x").unwrap();
            });
            assert_eq!(rewritten, "hash-file-changed");
            // Whoever puts the stamp back still changes the size.
            let stamped = changed_meanwhile(size, threads, |file| {
                file.set_len(1 << 20).unwrap();
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            });
            assert_eq!(stamped, "hash-file-changed");
        }
    }

    #[test]
    fn files_that_grow_are_not_followed() {
        let (_folder, paths) = folder_with(&[("a", &vec![0; CHUNK])]);
        let calls = AtomicUsize::new(0);
        let tell = |_| {
            if calls.fetch_add(1, Relaxed) < 50 {
                let mut file = File::options().append(true).open(&paths[0]).unwrap();
                file.write_all(&vec![0; CHUNK]).unwrap();
            }
        };
        let results = hash_files(&paths, &[Algorithm::Sha256], &tell, NonZeroUsize::MIN);
        assert_eq!(code(&results[0]), "hash-file-changed");
        assert!(calls.into_inner() < 5);
    }

    #[test]
    fn files_whose_size_lies_are_refused() {
        let results = hash(&[PathBuf::from("/proc/self/status")], &[Algorithm::Sha256], 1);
        assert_eq!(code(&results[0]), "hash-file-changed");
    }

    #[test]
    fn directory_digests_are_those_of_go() {
        let (_folder, paths) = folder_with(&[("abc", b"abc"), ("empty", b"")]);
        let results = hash(&paths, &[Algorithm::Sha256], 1);
        let [abc, empty] = [0, 1].map(|n| results[n].as_ref().unwrap()[0].clone());
        // printf '%s  %s\n' HEX NAME … | sha256sum, with the lines sorted in the C locale
        let found = directory_digest([("b/c", &empty), ("a", &abc), ("B", &abc)]).unwrap();
        let lines = format!("{abc}  B\n{abc}  a\n{empty}  b/c\n", abc = abc.hex(), empty = empty.hex());
        let expected: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(lines).into();
        assert_eq!(found.bytes(), expected);
        assert_eq!(found.algorithm(), Algorithm::DirHash);
        // h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= of no file at all
        assert_eq!(directory_digest([]).unwrap().hex(), empty.hex());
        assert_eq!(directory_digest([("a\nb", &abc)]).unwrap_err().code(), "hash-directory-name");
        let other = Digest::new(Algorithm::Sha3_256, vec![0; 32]).unwrap();
        assert_eq!(directory_digest([("a", &other)]).unwrap_err().code(), "digest-not-computable");
    }
}
