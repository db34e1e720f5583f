//! Content in a file because it is too long for memory, or may not go on before all of it is known to be right.

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::store::file::StoreError;
use crate::store::file::open_regular;
use crate::store::hash::Sum;

/// Bytes that are moved at once.
const CHUNK: usize = 256 * 1024;

/// A nameless file in the folder for temporary files with what `fill` writes, to be read from its start.
///
/// # Errors
/// Those of `fill`; `file-unwritable`.
pub fn spool<E: From<StoreError>>(fill: &mut dyn FnMut(&mut File) -> Result<(), E>) -> Result<File, E> {
    let failed = |error: io::Error| unwritable(&error);
    let mut file = tempfile::tempfile().map_err(failed)?;
    fill(&mut file)?;
    file.rewind().map_err(failed)?;
    Ok(file)
}

fn unwritable(error: &io::Error) -> StoreError {
    StoreError::Unwritable { path: "a temporary file".into(), text: error.to_string() }
}

fn unwritable_here(error: io::Error) -> io::Error {
    io::Error::other(unwritable(&error))
}

/// What failed while content was moved: the file that was filled, or else the reading of what `path` names.
pub fn failure(error: io::Error, path: &Path) -> StoreError {
    error.downcast::<StoreError>().unwrap_or_else(|error| StoreError::reading(path, &error))
}

/// A file that is being filled. Its errors can be told from those of what is read for it.
struct Filling(BufWriter<File>);

impl Write for Filling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(unwritable_here)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(unwritable_here)
    }
}

/// Content that lies in a file and is read as often as it is needed, by several at a time.
#[derive(Debug, Clone)]
pub struct Spooled {
    file: Arc<Mutex<File>>,
    /// Where it begins in the file.
    start: u64,
    length: u64,
}

impl Spooled {
    /// The content of a file, as long as it is now.
    ///
    /// # Errors
    /// `file-too-large` above `cap` bytes; those of [`open_regular`].
    pub fn open(path: &Path, cap: u64) -> Result<Self, StoreError> {
        let file = open_regular(path)?;
        let length = file.metadata().map_err(|error| StoreError::reading(path, &error))?.len();
        if length > cap {
            return Err(StoreError::TooLarge { path: path.to_owned(), cap });
        }
        Ok(Self { file: Arc::new(Mutex::new(file)), start: 0, length })
    }

    /// What a reader gives, in a nameless file in the folder for temporary files.
    ///
    /// # Errors
    /// The reader's, as it gave it; else `file-unwritable` in an [`io::Error`].
    pub fn copy(mut from: impl Read) -> io::Result<Self> {
        Self::fill(&mut |file| io::copy(&mut from, file).map(|_| ()))
    }

    /// What `fill` writes, in a nameless file in the folder for temporary files.
    ///
    /// # Errors
    /// Those of `fill`; else `file-unwritable` in an [`io::Error`].
    pub fn fill(fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<Self> {
        let mut file = Filling(BufWriter::with_capacity(CHUNK, tempfile::tempfile().map_err(unwritable_here)?));
        fill(&mut file)?;
        let mut file = file.0.into_inner().map_err(|error| unwritable_here(error.into_error()))?;
        let length = file.stream_position().map_err(unwritable_here)?;
        Ok(Self { file: Arc::new(Mutex::new(file)), start: 0, length })
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// A reader of its own place, at the start.
    pub fn reader(&self) -> Reader<'_> {
        Reader { content: self, at: 0 }
    }

    /// The same without the white space of ASCII before and after it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn trimmed(&self) -> io::Result<Self> {
        let (mut reader, mut buffer, mut at) = (self.reader(), vec![0; CHUNK], 0);
        let (mut first, mut last) = (None, 0);
        let wide = |place: usize| u64::try_from(place).unwrap_or(u64::MAX);
        loop {
            let read = reader.read(&mut buffer)?;
            let piece = buffer.get(..read).unwrap_or_default();
            let printed = |byte: &u8| !byte.is_ascii_whitespace();
            if let Some(place) = piece.iter().position(printed) {
                first.get_or_insert(wide(place).saturating_add(at));
            }
            if let Some(place) = piece.iter().rposition(printed) {
                last = wide(place).saturating_add(at).saturating_add(1);
            }
            if read == 0 {
                break;
            }
            at = at.saturating_add(wide(read));
        }
        let first = first.unwrap_or(last);
        let start = self.start.saturating_add(first);
        Ok(Self { file: Arc::clone(&self.file), start, length: last.saturating_sub(first) })
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// `file-unreadable`.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        match self.reader().read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(StoreError::reading(Path::new("a temporary file"), &error)),
        }
    }

    /// Its SHA-256.
    ///
    /// # Errors
    /// Those of reading.
    pub fn sha256(&self) -> io::Result<Digest> {
        let mut sum = Sum::new(Algorithm::Sha256, self.length).map_err(io::Error::other)?;
        let (mut buffer, mut reader) = (vec![0; CHUNK], self.reader());
        loop {
            let length = reader.read(&mut buffer)?;
            match buffer.get(..length) {
                None | Some([]) => return sum.finish().map_err(io::Error::other),
                Some(piece) => sum.update(piece),
            }
        }
    }
}

/// Reads content that lies in a file. It ends where the content ended when it was made, whatever became of the file.
#[derive(Debug)]
pub struct Reader<'a> {
    content: &'a Spooled,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.content.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let room = buffer.get_mut(..room).unwrap_or_default();
        // Nothing is left half done in there.
        let mut file = self.content.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.content.start.saturating_add(self.at)))?;
        let read = loop {
            match file.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.content.length.checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_is_read_from_its_start() {
        let mut file = spool::<StoreError>(&mut |file| {
            file.write_all(b"text").unwrap();
            Ok(())
        });
        let mut text = String::new();
        file.as_mut().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        let refused = spool(&mut |_| Err(StoreError::NotFound { path: "x".into() }));
        assert_eq!(refused.unwrap_err().code(), "file-not-found");
    }

    #[test]
    fn each_reader_has_a_place_of_its_own() {
        let content = Spooled::copy(&b"0123456789"[..]).unwrap();
        let (mut one, mut other) = (content.reader(), content.reader());
        let read = |reader: &mut Reader<'_>| {
            let mut text = [0; 4];
            let length = reader.read(&mut text).unwrap();
            String::from_utf8(text[..length].to_vec()).unwrap()
        };
        assert_eq!((read(&mut one), read(&mut other), read(&mut one)), ("0123".into(), "0123".into(), "4567".into()));
        assert_eq!(one.seek(SeekFrom::End(-3)).unwrap(), 7);
        assert_eq!((read(&mut one), read(&mut one)), ("789".into(), String::new()));
        assert!(one.seek(SeekFrom::Current(-11)).is_err());
        let sum = "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
        assert_eq!((content.length(), content.sha256().unwrap().to_string().as_str()), (10, sum));
    }

    #[test]
    fn white_space_around_is_left_out() {
        let spaces = " \n".repeat(CHUNK);
        for (text, expected) in
            [("x y", "x y"), ("\n {} \r\n", "{}"), (" \t", ""), ("", ""), (&format!("{spaces}a{spaces}"), "a")]
        {
            let content = Spooled::copy(text.as_bytes()).unwrap().trimmed().unwrap();
            assert_eq!(content.to_bytes().unwrap(), expected.as_bytes());
            assert_eq!(content.length(), u64::try_from(expected.len()).unwrap());
        }
    }

    #[test]
    fn what_is_added_to_a_file_later_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(Spooled::open(&path, 2).unwrap_err().code(), "file-too-large");
        let content = Spooled::open(&path, 3).unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"def").unwrap();
        let mut text = String::new();
        content.reader().read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    }
}
