//! Content on its way to where nothing can be taken back: whole in a nameless file first.

use std::fs::File;
use std::io;
use std::io::Seek;

use crate::store::file::StoreError;

/// A nameless file in the folder for temporary files with what `fill` writes, to be read from its start.
///
/// # Errors
/// Those of `fill`; `file-unwritable`.
pub fn spool<E: From<StoreError>>(fill: &mut dyn FnMut(&mut File) -> Result<(), E>) -> Result<File, E> {
    let failed = |error: io::Error| StoreError::Unwritable { path: "a temporary file".into(), text: error.to_string() };
    let mut file = tempfile::tempfile().map_err(failed)?;
    fill(&mut file)?;
    file.rewind().map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::io::Write;

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
}
