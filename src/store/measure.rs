//! Attestations that are too long for memory: read as they pass by, hashed, and judged as a Statement without its predicate.

use std::collections::BTreeMap;
use std::io;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::formats::attestations;
use crate::formats::attestations::Candidate;
use crate::formats::attestations::Position;
use crate::formats::base64;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Version;
use crate::formats::certificate::SigningCertificate;
use crate::formats::cosign;
use crate::formats::digest::Algorithm;
use crate::formats::envelope;
use crate::formats::envelope::Envelope;
use crate::formats::envelope::IN_TOTO_PAYLOAD_TYPE;
use crate::formats::json;
use crate::formats::json::passing::Input;
use crate::formats::json::passing::Passing;
use crate::formats::json::passing::check;
use crate::formats::json::passing::members;
use crate::formats::json::passing::rest;
use crate::formats::json::passing::whole;
use crate::formats::log_entry::EntryKind;
use crate::formats::payload::Measured;
use crate::formats::payload::Payload;
use crate::formats::predicate_type;
use crate::formats::statement::Statement;
use crate::store::hash::HashError;
use crate::store::hash::Sum;
use crate::store::spool::Spooled;
use crate::trust::key::PublicKey;

/// Attestations of up to this many bytes are held (8 MiB); of longer ones the payload is measured where that is enough.
pub const HELD: u64 = 8 * 1024 * 1024;
/// Most bytes beside a payload or a predicate that are kept (16 MiB). What has more is held.
const MAX_KEPT: usize = 16 * 1024 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;
/// Pieces that are read ahead of hashing.
const AHEAD: usize = 8;
/// The member of a Statement that is left out.
const PREDICATE: &str = "predicate";
/// The algorithms that signatures are made with.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];

/// Whether a long attestation may be measured, or has to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It may be measured: nobody looks into predicates but those of [`predicate_type::is_looked_into`], and every key that is
    /// known signs digests.
    Short,
    /// It is held, whatever it takes.
    All,
}

/// What a text is that may hold one attestation.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// A file of attestations, as [`attestations::parse`] reads it.
    File,
    /// A bundle, as [`Bundle::from_json`] reads it.
    Bundle,
    /// A layer of cosign before bundles with its annotations, as [`cosign::parse`] reads it.
    Layer(&'a BTreeMap<String, String>),
}

/// An attestation whose payload was measured.
#[derive(Debug, Clone)]
pub struct Long {
    /// The attestation.
    pub bundle: Bundle,
    /// The media type that the text itself names, if it names one.
    pub media_type: Option<String>,
    /// Its text.
    pub text: Spooled,
    /// Where the payload's base64 stands in the text.
    payload: Range<u64>,
}

/// Reads a long text of one attestation without holding its payload, and without its predicate. None when it has to be held to be
/// judged: it is short, or [`measured`] gives none, or it is of a type that is looked into.
///
/// # Errors
/// Those of reading the file. A text that is wrong is none: it is None.
pub fn long(text: &Spooled, kind: Text<'_>) -> io::Result<Option<Long>> {
    if text.length() <= HELD {
        return Ok(None);
    }
    Ok(measured(text, kind)?.filter(|long| match &long.bundle.content {
        Content::Envelope(Envelope { payload: Payload::Measured(measured), .. }) => {
            !predicate_type::is_looked_into(&measured.statement.predicate_type)
        }
        _ => false,
    }))
}

/// The same whatever its length and its type. None when it is no attestation, or holds several, or is signed by a key whose
/// certificate says that it signs no digests, or is about the text as a whole. Whoever reads it whole then finds out which.
///
/// What is measured would have been read whole to the same end: the same bundle, and the same Statement but for the predicate,
/// which is an object or an array and well-formed.
///
/// # Errors
/// Those of reading the file.
pub fn measured(text: &Spooled, kind: Text<'_>) -> io::Result<Option<Long>> {
    let reader = &mut text.reader();
    let Some((rest, place)) = fit(around_payload(reader))? else { return Ok(None) };
    let Some(mut bundle) = read(&rest, kind).filter(is_measurable) else { return Ok(None) };
    let Content::Envelope(envelope) = &mut bundle.content else { return Ok(None) };
    let Some(measured) = fit(payload(reader, &place, &envelope.payload_type))? else { return Ok(None) };
    *envelope = Envelope { payload: Payload::Measured(Arc::new(measured)), source: None, ..envelope.clone() };
    let media_type = json::parse(&rest).ok().and_then(|value| Some(value.get("mediaType")?.as_str()?.to_owned()));
    Ok(Some(Long { bundle, media_type, text: text.clone(), payload: place }))
}

/// A candidate of a file of attestations, measured where it can be.
///
/// # Errors
/// Those of reading the file.
pub fn candidate(text: &Spooled) -> io::Result<Option<Candidate>> {
    let found = long(text, Text::File)?;
    Ok(found.map(|long| Candidate { position: Position::Whole, bundle: Ok(long.bundle) }))
}

/// Hands over the predicate of a measured attestation, byte for byte as it was signed.
///
/// # Errors
/// Those of reading and of `take`; [`ErrorKind::InvalidData`] when the text is not the one that was measured.
pub fn predicate(long: &Long, take: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
    let (mut reader, mut taken) = (long.text.reader(), 0_u32);
    let mut payload = BufReader::with_capacity(PIECE, decoded(&mut reader, &long.payload)?);
    members(&mut Input::new(&mut payload), MAX_KEPT, &mut |name, input| {
        if name != Some(PREDICATE) {
            return whole(input, MAX_KEPT);
        }
        taken = taken.saturating_add(1);
        take(&mut Passing::new(input))?;
        Ok(b"{}".to_vec())
    })?;
    if taken == 1 { Ok(()) } else { Err(unfit()) }
}

/// A text that is not measured.
fn unfit() -> io::Error {
    ErrorKind::InvalidData.into()
}

/// What is wrong with a text is None; what is wrong with its file stays an error.
fn fit<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text with an empty payload in place of the one that it has, and where that one's base64 stands.
fn around_payload<R: Read + Seek>(text: &mut R) -> io::Result<(Vec<u8>, Range<u64>)> {
    text.seek(SeekFrom::Start(0))?;
    let mut places = Vec::new();
    let mut payload = |input: &mut Input<'_>| {
        places.push(base64_text(input)?);
        Ok(b"\"\"".to_vec())
    };
    let mut reader = BufReader::with_capacity(PIECE, text);
    let mut input = Input::new(&mut reader);
    let mut around = members(&mut input, MAX_KEPT, &mut |name, input| match name {
        Some("payload") => payload(input),
        Some("dsseEnvelope") => members(input, MAX_KEPT, &mut |name, input| match name {
            Some("payload") => payload(input),
            _ => whole(input, MAX_KEPT),
        }),
        _ => whole(input, MAX_KEPT),
    })?;
    around.extend(rest(&mut input, MAX_KEPT)?);
    match places.pop() {
        Some(place) if places.is_empty() => Ok((around, place)),
        _ => Err(unfit()),
    }
}

/// Where a string stands, without its quotes. What is no letter of base64 in it, a backslash too, is refused when it is decoded.
fn base64_text(input: &mut Input<'_>) -> io::Result<Range<u64>> {
    let (mut value, mut quote) = (Passing::new(input), [0]);
    value.read_exact(&mut quote)?;
    // The text and the closing quote.
    let length = io::copy(&mut value, &mut io::sink())?;
    let start = value.start().filter(|_| quote == *b"\"").ok_or_else(unfit)?.saturating_add(1);
    Ok(start..start.saturating_add(length.saturating_sub(1)))
}

/// The bundle around a payload.
fn read(rest: &[u8], kind: Text<'_>) -> Option<Bundle> {
    match kind {
        Text::File => match attestations::parse(rest).ok()?.as_mut_slice() {
            [Candidate { position: Position::Whole, bundle: Ok(bundle) }] => Some(bundle.clone()),
            _ => None,
        },
        Text::Bundle => Bundle::from_json(json::parse(rest).ok()?).ok(),
        Text::Layer(annotations) => cosign::parse(rest, annotations).ok(),
    }
}

/// Whether nothing that stands around a payload is about the text as a whole, or by a key that signs no digests.
fn is_measurable(bundle: &Bundle) -> bool {
    let Content::Envelope(envelope) = &bundle.content else { return false };
    let of_text = bundle.log_entries.iter().any(|entry| entry.kind == EntryKind::Intoto001)
        || (bundle.version == Version::CosignLayer && !bundle.timestamps.is_empty());
    let signs_digests = |leaf: &Vec<u8>| {
        let certificate = SigningCertificate::parse(leaf).ok();
        let key = certificate.and_then(|certificate| PublicKey::from_spki(&certificate.public_key).ok());
        key.is_some_and(|key| key.kind().hash().is_some())
    };
    let empty = envelope.payload.held().is_some_and(|payload| payload.is_empty());
    empty
        && envelope.payload_type == IN_TOTO_PAYLOAD_TYPE
        && !of_text
        && bundle.signer.certificates().first().is_none_or(signs_digests)
}

/// The payload of which the base64 stands at a place.
fn decoded<'a, R: Read + Seek>(text: &'a mut R, place: &Range<u64>) -> io::Result<impl Read + 'a> {
    text.seek(SeekFrom::Start(place.start))?;
    let text = BufReader::with_capacity(PIECE, text.take(place.end.saturating_sub(place.start)));
    Ok(base64::decoding(text))
}

/// How many bytes the base64 at a place stands for, once it decodes.
fn decoded_length<R: Read + Seek>(text: &mut R, place: &Range<u64>) -> io::Result<u64> {
    let length = place.end.saturating_sub(place.start);
    let mut last = [0; 2];
    text.seek(SeekFrom::Start(place.end.checked_sub(2).filter(|_| length >= 4).ok_or_else(unfit)?))?;
    text.read_exact(&mut last)?;
    let padding = last.iter().filter(|byte| **byte == b'=').count();
    let padding = u64::try_from(padding).unwrap_or(u64::MAX);
    Ok((length / 4).saturating_mul(3).saturating_sub(padding))
}

/// Reads a payload, hashes it, and judges it as a Statement, in one passing.
fn payload<R: Read + Seek>(text: &mut R, place: &Range<u64>, payload_type: &str) -> io::Result<Measured> {
    let length = decoded_length(text, place)?;
    let mut sums = Sums::new(payload_type, length, &ALGORITHMS)?;
    let outline = sums.hash_while(decoded(text, place)?, |payload| without_predicate(payload))?;
    sums.measured(&outline)
}

/// The payload of a Statement that is about to be signed by a key of this hash: what `statement` gives, `length` bytes of it, as
/// `outline` has it but for the predicate. That it is so, and well-formed, is for whoever reads the finished text to say; nothing may
/// be verified with it.
///
/// # Errors
/// Those of reading; [`ErrorKind::InvalidData`] for another length, and for an outline that is no Statement.
pub(crate) fn to_be_signed(statement: impl Read, length: u64, outline: &[u8], hash: Algorithm) -> io::Result<Payload> {
    let mut algorithms = vec![Algorithm::Sha256, hash];
    algorithms.dedup();
    let mut sums = Sums::new(IN_TOTO_PAYLOAD_TYPE, length, &algorithms)?;
    sums.hash_while(statement, |statement| io::copy(statement, &mut io::sink()))?;
    Ok(Payload::Measured(Arc::new(sums.measured(outline)?)))
}

/// The text of a Statement with an empty predicate in place of the one that it has, which is an object or an array and
/// well-formed.
fn without_predicate(payload: impl Read) -> io::Result<Vec<u8>> {
    let (mut payload, mut seen) = (BufReader::with_capacity(PIECE, payload), 0_u32);
    let mut input = Input::new(&mut payload);
    let mut outline = members(&mut input, MAX_KEPT, &mut |name, input| {
        if name != Some(PREDICATE) {
            return whole(input, MAX_KEPT);
        }
        seen = seen.saturating_add(1);
        match check(input, 1)? {
            "an object" | "an array" => Ok(b"{}".to_vec()),
            _ => Err(unfit()),
        }
    })?;
    outline.extend(rest(&mut input, MAX_KEPT)?);
    if seen == 1 { Ok(outline) } else { Err(unfit()) }
}

/// The digests of a payload in the making.
struct Sums {
    /// How long the payload has to be.
    expected: u64,
    /// How much of it came.
    length: u64,
    bare: Sum,
    encoded: Vec<Sum>,
}

impl Sums {
    /// Those of a payload of so many bytes, and of its encoding by these algorithms.
    fn new(payload_type: &str, expected: u64, algorithms: &[Algorithm]) -> io::Result<Self> {
        let sum = |algorithm: &Algorithm| Sum::new(*algorithm, expected).map_err(io::Error::other);
        let bare = sum(&Algorithm::Sha256)?;
        let mut encoded = algorithms.iter().map(sum).collect::<Result<Vec<_>, _>>()?;
        let head = envelope::pae_head(payload_type, expected);
        encoded.iter_mut().for_each(|sum| sum.update(head.as_bytes()));
        Ok(Self { expected, length: 0, bare, encoded })
    }

    fn update(&mut self, piece: &[u8]) {
        self.bare.update(piece);
        self.encoded.iter_mut().for_each(|sum| sum.update(piece));
        self.length = self.length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
    }

    /// Hashes the very bytes that `read` reads, in a thread of its own.
    fn hash_while<T>(
        &mut self,
        payload: impl Read,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> io::Result<T> {
        thread::scope(|scope| {
            let (sender, pieces) = sync_channel::<Vec<u8>>(AHEAD);
            let hashing = scope.spawn(move || pieces.iter().for_each(|piece| self.update(&piece)));
            let value = read(&mut Tee { inner: payload, sender });
            // The sender is gone, so that the thread ends.
            hashing.join().map_err(|_| io::Error::other("hashing failed"))?;
            value
        })
    }

    /// What was read, once all of it was.
    fn measured(self, outline: &[u8]) -> io::Result<Measured> {
        // What was hashed for more or fewer bytes than its head says is no encoding of anything.
        if self.length != self.expected {
            return Err(unfit());
        }
        let statement = Statement::outline(outline, self.length).map_err(|_| unfit())?;
        let digest = self.bare.finish().map_err(io::Error::other)?;
        let encoded = self.encoded.into_iter().map(Sum::finish).collect::<Result<_, HashError>>();
        Ok(Measured { length: self.length, digest, encoded: encoded.map_err(io::Error::other)?, statement })
    }
}

/// Bytes of which a copy is sent on as they are read.
struct Tee<R> {
    inner: R,
    sender: SyncSender<Vec<u8>>,
}

impl<R: Read> Read for Tee<R> {
    /// As many bytes as there is room for, so that few pieces are sent.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.inner.read(room)? {
                0 => break,
                read => filled = filled.saturating_add(read),
            }
        }
        let piece = buffer.get(..filled).unwrap_or_default().to_vec();
        // Whoever does not take it has failed, which is found out when it is joined.
        let _ = self.sender.send(piece);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::trust::key::digest_of;

    const DOCUMENT: &str = r#"{"a":[1,{"b":"}\""}],"c":-1.50,"d":null}"#;

    fn statement(predicate: &str) -> String {
        format!(
            r#" {{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"n","digest":{{"sha256":"{}"}}}}],"predicateType":"https://spdx.dev/Document","predicate" : {predicate} ,"z":1}}"#,
            "ab".repeat(32)
        )
    }

    fn enveloped(payload: &str) -> String {
        format!(r#"{{"payload":"{payload}","payloadType":"{IN_TOTO_PAYLOAD_TYPE}","signatures":[{{"sig":"AQI="}}]}}"#)
    }

    fn bundle(envelope: &str) -> String {
        let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
        format!(
            r#"{{"mediaType":"{kind}","verificationMaterial":{{"publicKey":{{"hint":"h"}}}},"dsseEnvelope":{envelope}}}"#
        )
    }

    fn look(text: impl AsRef<[u8]>) -> Option<Long> {
        measured(&Spooled::copy(text.as_ref()).unwrap(), Text::File).unwrap()
    }

    /// What was measured is what would have been read whole.
    fn same(long: &Long, text: &[u8]) {
        let mut found = attestations::parse(text).unwrap();
        let (Some(Candidate { position: Position::Whole, bundle: Ok(whole) }), 0) = (found.pop(), found.len()) else {
            panic!("{:?}", String::from_utf8_lossy(text))
        };
        let (Content::Envelope(short), Content::Envelope(full)) = (&long.bundle.content, &whole.content) else {
            panic!("{whole:?}")
        };
        let Payload::Measured(measured) = &short.payload else { panic!("{short:?}") };
        let payload = full.payload.held().unwrap();
        let digests = |bytes: &[u8]| ALGORITHMS.map(|algorithm| digest_of(algorithm, bytes).unwrap()).to_vec();
        assert_eq!((&measured.digest, &measured.encoded), (&digests(payload)[0], &digests(&full.pae().unwrap())));
        let read = Statement::parse(payload.clone()).unwrap();
        assert_eq!((&measured.statement.subjects, &measured.statement.extra), (&read.subjects, &read.extra));
        assert_eq!(measured.statement.predicate_type, read.predicate_type);
        assert_eq!((measured.statement.length(), measured.statement.version), (read.length(), read.version));
        assert!(read.predicate().is_ok_and(|predicate| predicate.is_object() || predicate.is_array()));
        let around = Envelope { payload: Payload::Held(payload.clone()), source: full.source.clone(), ..short.clone() };
        assert_eq!(Bundle { content: Content::Envelope(around), ..long.bundle.clone() }, whole);
    }

    #[test]
    fn what_is_measured_is_what_would_be_read() {
        let payload = base64::encode(statement(DOCUMENT).as_bytes());
        let url_safe = payload.replace('+', "-").replace('/', "_");
        for text in [bundle(&enveloped(&payload)), enveloped(&payload), bundle(&enveloped(&url_safe))] {
            same(&look(&text).unwrap(), text.as_bytes());
            let pretty = format!("\n{}\n", text.replace(",\"", ",\n \""));
            same(&look(&pretty).unwrap(), pretty.as_bytes());
        }
        let long = look(bundle(&enveloped(&payload))).unwrap();
        assert_eq!(long.media_type.as_deref(), Some("application/vnd.dev.sigstore.bundle.v0.3+json"));
    }

    #[test]
    fn no_change_of_a_text_is_measured_otherwise_than_it_is_read() {
        let inner = statement(DOCUMENT);
        let outer = bundle(&enveloped(&base64::encode(inner.as_bytes())));
        let letters = b"\"\\{}[]:,=+-_/ \n019aAeu\x00\xff";
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        let (mut taken, mut refused) = (0, 0);
        for round in 0..20_000 {
            // Inside of the payload, or around it; a byte changed, taken out, put in, or a piece doubled.
            let mut text = if round % 2 == 0 { inner.clone().into_bytes() } else { outer.clone().into_bytes() };
            let (place, letter) = (next(text.len()), letters[next(letters.len())]);
            match next(4) {
                0 => text[place] = letter,
                1 => drop(text.remove(place)),
                2 => text.insert(place, letter),
                _ => {
                    let piece = text[place..(place + next(60)).min(text.len())].to_vec();
                    let at = next(text.len());
                    text.splice(at..at, piece);
                }
            }
            if round % 2 == 0 {
                text = bundle(&enveloped(&base64::encode(&text))).into_bytes();
            }
            match look(&text) {
                Some(long) => {
                    same(&long, &text);
                    taken += 1;
                }
                None => refused += 1,
            }
        }
        assert!(taken > 1_000 && refused > 1_000, "{taken} {refused}");
    }

    #[test]
    fn what_needs_the_bytes_is_held() {
        let payload = |text: &str| base64::encode(text.as_bytes());
        let good = payload(&statement(DOCUMENT));
        let held = |text: &str| assert!(look(text).is_none(), "{text}");
        held(&bundle(&enveloped(&payload(&statement("3")))));
        held(&bundle(&enveloped(&payload(&statement("\"SPDXVersion\"")))));
        held(&bundle(&enveloped(&good).replace(IN_TOTO_PAYLOAD_TYPE, "text/plain")));
        held(&bundle(&enveloped(&good.replacen('e', "\\u0065", 1))));
        held(&format!("{0}\n{0}", enveloped(&good)));
        held(&format!("[{}]", enveloped(&good)));
        held(&statement(DOCUMENT));
        let doubled = enveloped(&good).replacen('{', r#"{"payload":"","#, 1);
        held(&doubled);
        // An envelope by itself may have members that nobody knows; another payload in one of them is not the one that was signed.
        let other = payload(&statement("{}"));
        held(&enveloped(&good).replacen('{', &format!(r#"{{"dsseEnvelope":{{"payload":"{other}"}},"#), 1));
        // A layer's timestamp is about the layer's text.
        let stamped =
            BTreeMap::from([(cosign::TIMESTAMP.to_owned(), r#"{"SignedRFC3161Timestamp":"AQID"}"#.to_owned())]);
        let layer = |annotations| {
            measured(&Spooled::copy(enveloped(&good).as_bytes()).unwrap(), Text::Layer(annotations)).unwrap()
        };
        assert!(cosign::parse(enveloped(&good).as_bytes(), &stamped).is_ok());
        assert!(layer(&stamped).is_none() && layer(&BTreeMap::new()).is_some());
    }

    #[test]
    fn a_short_text_is_held_and_a_long_one_gives_its_predicate() {
        let text = |length: usize| {
            let predicate = format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
            (
                Spooled::copy(bundle(&enveloped(&base64::encode(statement(&predicate).as_bytes()))).as_bytes())
                    .unwrap(),
                predicate,
            )
        };
        assert!(long(&text(100).0, Text::Bundle).unwrap().is_none());
        let (text, expected) = text(usize::try_from(HELD).unwrap());
        let long = long(&text, Text::Bundle).unwrap().unwrap();
        let mut poured = Vec::new();
        predicate(&long, &mut |from| io::copy(from, &mut poured).map(|_| ())).unwrap();
        assert!(poured == expected.as_bytes());
        assert_eq!(candidate(&text).unwrap().unwrap().bundle.unwrap(), long.bundle);
        let provenance = statement(&expected).replace("https://spdx.dev/Document", "https://slsa.dev/provenance/v1");
        let provenance = Spooled::copy(bundle(&enveloped(&base64::encode(provenance.as_bytes()))).as_bytes()).unwrap();
        assert!(measured(&provenance, Text::Bundle).unwrap().is_some());
        assert!(self::long(&provenance, Text::Bundle).unwrap().is_none());
        let other = Long { text: Spooled::copy(&b"{}"[..]).unwrap(), ..long };
        assert!(predicate(&other, &mut |_| Ok(())).is_err());
    }

    #[test]
    fn what_is_to_be_signed_is_as_long_as_it_says() {
        let text = statement(DOCUMENT);
        let length = u64::try_from(text.len()).unwrap();
        let signed = |length| to_be_signed(text.as_bytes(), length, statement("{}").as_bytes(), Algorithm::Sha384);
        let Ok(Payload::Measured(measured)) = signed(length) else { panic!() };
        let expected = [Algorithm::Sha256, Algorithm::Sha384]
            .map(|algorithm| digest_of(algorithm, &envelope::pae(IN_TOTO_PAYLOAD_TYPE, text.as_bytes())).unwrap());
        assert_eq!((measured.length, measured.encoded.as_slice()), (length, expected.as_slice()));
        for other in [length - 1, length + 1] {
            assert_eq!(signed(other).unwrap_err().kind(), ErrorKind::InvalidData);
        }
        assert!(to_be_signed(text.as_bytes(), length, b"{}", Algorithm::Sha256).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_text_that_is_wrong() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        impl Seek for Broken {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                Ok(0)
            }
        }
        assert_eq!(fit(around_payload(&mut Broken)).unwrap_err().to_string(), "broken");
        let mut cut = Cursor::new(b"{\"payload\":\"AA".as_slice());
        assert!(fit(around_payload(&mut cut)).unwrap().is_none());
    }
}
