//! Files of lines, read a line at a time, so that memory does not grow with the file.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Take;
use std::path::Path;
use std::path::PathBuf;

use crate::store::file::StoreError;
use crate::store::file::open_regular;

/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// The lines of an ordinary file that are not blank.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    reader: BufReader<Take<File>>,
    number: usize,
    cap: u64,
}

impl Lines {
    /// Opens a file of which at most `cap` bytes are read.
    ///
    /// # Errors
    /// `file-too-large` and those of [`open_regular`].
    pub fn open(path: &Path, cap: u64) -> Result<Self, StoreError> {
        let file = open_regular(path)?;
        let announced = file.metadata().map_err(|error| StoreError::reading(path, &error))?.len();
        if announced > cap {
            return Err(StoreError::TooLarge { path: path.to_owned(), cap });
        }
        // One byte more than may be there, so that more is seen.
        let (room, file) = (usize::try_from(announced).unwrap_or(BUFFER), file.take(cap.saturating_add(1)));
        let reader = BufReader::with_capacity(room.clamp(1, BUFFER), file);
        Ok(Self { path: path.to_owned(), reader, number: 0, cap })
    }

    /// Reads the next line that is not blank into `line`, without its line feed, and says which it is, from 1; None at
    /// the end.
    ///
    /// # Errors
    /// `file-too-large` when the file has more than `cap` bytes, `file-permission`, `file-unreadable`.
    pub fn next(&mut self, line: &mut Vec<u8>) -> Result<Option<usize>, StoreError> {
        loop {
            line.clear();
            let read = self.reader.read_until(b'\n', line);
            let read = read.map_err(|error| StoreError::reading(&self.path, &error))?;
            if self.reader.get_ref().limit() == 0 {
                return Err(StoreError::TooLarge { path: self.path.clone(), cap: self.cap });
            }
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !line.trim_ascii().is_empty() {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                return Ok(Some(self.number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], cap: u64) -> Result<Vec<(usize, Vec<u8>)>, &'static str> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        std::fs::write(&path, text).unwrap();
        let mut lines = Lines::open(&path, cap).map_err(|error| error.code())?;
        let (mut found, mut line) = (Vec::new(), Vec::new());
        while let Some(number) = lines.next(&mut line).map_err(|error| error.code())? {
            found.push((number, line.clone()));
        }
        Ok(found)
    }

    #[test]
    fn blank_lines_are_counted_and_passed_over() {
        let expected = vec![(1, b"a".to_vec()), (4, b"b \r".to_vec()), (6, b"c".to_vec())];
        assert_eq!(read(b"a\n\n \t\r\nb \r\n\nc", 100), Ok(expected));
        assert_eq!(read(b"", 100), Ok(Vec::new()));
        assert_eq!(read(b"\n\n", 100), Ok(Vec::new()));
    }

    #[test]
    fn the_cap_holds_for_the_whole_file() {
        assert_eq!(read(b"aa\nbb\n", 6).map(|lines| lines.len()), Ok(2));
        assert_eq!(read(b"aa\nbb\nc", 6), Err("file-too-large"));
        assert_eq!(read(&[b'\n'; 7], 6), Err("file-too-large"));
    }
}
