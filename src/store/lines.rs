//! Files of lines, read a line at a time, so that memory does not grow with the file.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Take;
use std::path::Path;
use std::path::PathBuf;

use crate::formats::json::passing::Input;
use crate::formats::json::passing::check;
use crate::formats::json::passing::rest;
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

/// What a file of lines holds, as far as it can be told without keeping it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// How many lines are not blank.
    pub count: usize,
    /// What the first of them is, where others follow.
    pub first: First,
}

/// What the first of several lines is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// A JSON text by itself.
    Json,
    /// Something else, or the only one.
    Other,
}

/// Looks a file of at most `cap` bytes through. However long its lines are, none is held.
///
/// # Errors
/// As [`Lines::open`] and [`Lines::next`].
pub fn survey(path: &Path, cap: u64) -> Result<Survey, StoreError> {
    let failed = |error| StoreError::reading(path, &error);
    let mut lines = Lines::open(path, cap)?;
    let (mut count, mut at, mut start, mut blank) = (0_usize, 0_u64, 0_u64, true);
    let mut first = None;
    loop {
        let piece = lines.reader.fill_buf().map_err(failed)?;
        let ended = piece.is_empty();
        for byte in piece {
            if *byte == b'\n' {
                count += usize::from(!blank);
                first = first.or((!blank).then_some(start..at));
                (blank, start) = (true, at.saturating_add(1));
            } else {
                blank = blank && byte.is_ascii_whitespace();
            }
            at = at.saturating_add(1);
        }
        let length = piece.len();
        lines.reader.consume(length);
        if at > cap {
            return Err(StoreError::TooLarge { path: path.to_owned(), cap });
        }
        if ended {
            break;
        }
    }
    count += usize::from(!blank);
    let Some(place) = first.filter(|_| count > 1) else { return Ok(Survey { count, first: First::Other }) };
    let mut file = lines.reader.into_inner().into_inner();
    file.seek(SeekFrom::Start(place.start)).map_err(failed)?;
    let mut line = BufReader::with_capacity(BUFFER, file.take(place.end.saturating_sub(place.start)));
    let mut input = Input::new(&mut line);
    match check(&mut input, 0).and_then(|_| rest(&mut input, BUFFER)) {
        Ok(rest) if rest.trim_ascii().is_empty() => Ok(Survey { count, first: First::Json }),
        Ok(_) => Ok(Survey { count, first: First::Other }),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            Ok(Survey { count, first: First::Other })
        }
        Err(error) => Err(failed(error)),
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
    fn a_survey_counts_what_would_be_read_and_judges_the_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let long = format!("[{}1]", "1,".repeat(BUFFER));
        let (some, other) = (format!("{long}\n{{}}\n"), format!("{long}]\n{{}}"));
        let rows = [
            ("", 0, First::Other),
            ("\n \n", 0, First::Other),
            ("{}", 1, First::Other),
            (" {} \r\n\n", 1, First::Other),
            ("\n {} \r\n x\n", 2, First::Json),
            ("{\n}\n", 2, First::Other),
            ("{}x\n{}\n\n{}", 3, First::Other),
            ("{\"a\":1,\"a\":2}\n{}", 2, First::Other),
            (&some, 2, First::Json),
            (&other, 2, First::Other),
        ];
        for (text, count, first) in rows {
            std::fs::write(&path, text).unwrap();
            let found = survey(&path, 10_000_000).unwrap();
            assert_eq!((found.count, found.first), (count, first), "{text:.40?}");
            assert_eq!(read(text.as_bytes(), 10_000_000).unwrap().len(), count);
        }
        assert_eq!(survey(&path, 10).unwrap_err().code(), "file-too-large");
    }

    #[test]
    fn the_cap_holds_for_the_whole_file() {
        assert_eq!(read(b"aa\nbb\n", 6).map(|lines| lines.len()), Ok(2));
        assert_eq!(read(b"aa\nbb\nc", 6), Err("file-too-large"));
        assert_eq!(read(&[b'\n'; 7], 6), Err("file-too-large"));
    }
}
