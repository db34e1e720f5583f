//! Predicates that are too long for memory: looked at, signed and written as they pass by.

use std::io;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::attest::AttestError;
use crate::attest::Line;
use crate::formats::base64;
use crate::formats::bundle::Bundle;
use crate::formats::digest::Algorithm;
use crate::formats::json::passing::Input;
use crate::formats::json::passing::check;
use crate::formats::payload::Payload;
use crate::formats::predicate_type;
use crate::generate::shapes;
use crate::store::file::StoreError;
use crate::store::measure;
use crate::store::measure::HELD;
use crate::store::measure::Text;
use crate::store::spool::Spooled;
use crate::store::spool::failure;

/// A predicate in a file, which is a JSON object of the shape that its type promises.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    /// Without the white space around it.
    content: Spooled,
}

/// A Statement that is about to be signed: what stands before its predicate, the predicate, and what stands after it.
pub(super) struct Around<'a> {
    before: &'a [u8],
    document: &'a Document,
    after: &'a [u8],
}

impl Document {
    /// Opens a predicate. None for one that has to be held to be judged: it is short, or of a type that is looked into, or
    /// something is wrong with it, and whoever reads it whole finds out what.
    ///
    /// # Errors
    /// `file-too-large` above `cap` bytes; those of opening and reading a file.
    pub fn open(path: &Path, cap: u64, type_uri: &str) -> Result<Option<Self>, StoreError> {
        let content = Spooled::open(path, cap)?;
        if content.length() <= HELD || predicate_type::is_looked_into(type_uri) {
            return Ok(None);
        }
        match look(&content, type_uri) {
            Ok(content) => Ok(content.map(|content| Self { path: path.to_owned(), content })),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => Ok(None),
            Err(error) => Err(StoreError::reading(path, &error)),
        }
    }

    /// The whole of it, for what can only be done with all of it.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn read(&self) -> Result<Vec<u8>, StoreError> {
        self.content.to_bytes()
    }

    /// What is wrong with the file while it is used.
    pub(super) fn failed(&self, error: io::Error) -> AttestError {
        AttestError::Store(failure(error, &self.path))
    }
}

/// A predicate without the white space around it, once it is a JSON object of the right shape.
fn look(content: &Spooled, type_uri: &str) -> io::Result<Option<Spooled>> {
    let Some(value) = shapes::read_passing(type_uri, content.reader())? else { return Ok(None) };
    if !value.is_object() || shapes::check(type_uri, &value).is_err() {
        return Ok(None);
    }
    let content = content.trimmed()?;
    check(&mut Input::new(&mut BufReader::new(content.reader())), 0)?;
    Ok(Some(content))
}

impl<'a> Around<'a> {
    pub(super) fn new(before: &'a [u8], document: &'a Document, after: &'a [u8]) -> Self {
        Self { before, document, after }
    }

    fn reader(&self) -> impl Read + '_ {
        self.before.chain(self.document.content.reader()).chain(self.after)
    }

    /// The Statement with an empty predicate.
    pub(super) fn outline(&self) -> Vec<u8> {
        [self.before, b"{}", self.after].concat()
    }

    /// How long the Statement is, in bytes.
    pub(super) fn length(&self) -> u64 {
        let around = u64::try_from(self.before.len().saturating_add(self.after.len())).unwrap_or(u64::MAX);
        around.saturating_add(self.document.content.length())
    }

    /// What is signed, by a key of this hash.
    pub(super) fn payload(&self, hash: Algorithm) -> io::Result<Payload> {
        measure::to_be_signed(self.reader(), self.length(), &self.outline(), hash)
    }

    /// The bundle as one line without its line break, in a file.
    pub(super) fn write(&self, bundle: &Bundle) -> io::Result<Spooled> {
        let (before, after) = bundle.around().ok_or(ErrorKind::InvalidData)?;
        Spooled::fill(&mut |mut file| {
            file.write_all(&before)?;
            base64::encode_passing(&mut self.reader(), &mut file)?;
            file.write_all(&after)
        })
    }
}

/// What was written, to be read as its users will: measured, or held where it cannot be measured, as when the document became
/// another one while it was signed.
///
/// # Errors
/// Those of reading a file.
pub(super) fn read_back(text: &Spooled, document: &Document) -> Result<Line, AttestError> {
    Ok(match measure::long(text, Text::Bundle).map_err(|error| document.failed(error))? {
        Some(long) => Line::Long(Box::new(long)),
        None => Line::Held(text.to_bytes()?),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;

    use super::*;
    use crate::attest::Signer;
    use crate::attest::verify_own;
    use crate::formats::digest::Digest;
    use crate::generate::statement::statement_around;
    use crate::sign::key::KeyKind;
    use crate::sign::key::PrivateKey;
    use crate::sign::sign_payload;

    const TYPE: &str = "https://cyclonedx.org/bom";

    fn document(last: &str) -> String {
        let filler = "x".repeat(usize::try_from(HELD).unwrap());
        format!("{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"x\":\"{filler}\",\"last\":{last}}}\n")
    }

    fn open(path: &Path) -> Option<Document> {
        Document::open(path, 1 << 30, TYPE).unwrap()
    }

    #[test]
    fn a_document_that_becomes_another_while_it_is_signed_is_withheld() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sbom.json");
        let digests = [Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()];
        let (before, after) = statement_around([("n", digests.as_slice())], TYPE).unwrap();
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        // As it was, another of the same length, and no JSON any more.
        for (becomes, code) in [("1", None), ("2", Some("self-check-failed")), ("}", Some("self-check-failed"))] {
            fs::write(&path, document("1")).unwrap();
            let document = open(&path).unwrap();
            let around = Around::new(&before, &document, after);
            let bundle = sign_payload(&key, &around.payload(Algorithm::Sha256).unwrap()).unwrap();
            fs::write(&path, self::document(becomes)).unwrap();
            let line = read_back(&around.write(&bundle).unwrap(), &document).unwrap();
            let found =
                line.bundle().and_then(|bundle| verify_own(&bundle, Signer::Key(&key), Timestamp::now()).map(|_| ()));
            assert_eq!(found.err().map(|error| error.code()), code, "{becomes}");
        }
        // A shorter one is not signed at all.
        fs::write(&path, document("1")).unwrap();
        let document = open(&path).unwrap();
        fs::write(&path, "{}").unwrap();
        assert!(Around::new(&before, &document, after).payload(Algorithm::Sha256).is_err());
    }

    #[test]
    fn what_has_to_be_looked_at_whole_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sbom.json");
        let opened = |text: String| {
            fs::write(&path, text).unwrap();
            open(&path).is_some()
        };
        assert!(opened(document("[]")) && opened(format!(" {}", document("{}"))));
        for wrong in ["", "1}", "{\"a\":1,\"a\":2}"] {
            assert!(!opened(document(wrong)), "{wrong}");
        }
        // Far inside of what is not looked at otherwise.
        assert!(!opened(document(&format!("[{}{{\"a\":1,\"a\":2}}]", "1,".repeat(70_000)))));
        assert!(!opened(document("1").replace("CycloneDX", "Cyclone")));
        assert!(!opened(format!("{}x", document("1"))));
        assert!(!opened("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\"}".to_owned()));
        fs::write(&path, document("1")).unwrap();
        assert!(Document::open(&path, 1 << 30, "https://slsa.dev/provenance/v1").unwrap().is_none());
        assert_eq!(Document::open(&path, 1 << 20, TYPE).unwrap_err().code(), "file-too-large");
    }
}
