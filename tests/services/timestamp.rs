//! Timestamp authorities: what is sent to them, and what they may answer.

use std::time::Duration;

use sealmark::remote::RemoteError;
use sealmark::remote::timestamp::TimestampAuthority;

use crate::server::Answer;
use crate::server::Request;
use crate::server::Server;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::asn1;
use crate::support::virtual_sigstore::signing_time;

const LONG: Duration = Duration::from_secs(20);
const SIGNATURE: &[u8] = b"a signature";
const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

/// What an answer says; each lie is a field that differs.
#[derive(Clone)]
pub(crate) struct Reply {
    status: Vec<u8>,
    content: &'static str,
    info: &'static str,
    hash: &'static str,
    digest: Vec<u8>,
    nonce: Vec<u8>,
    token: bool,
}

impl Reply {
    pub(crate) fn honest(digest: Vec<u8>, nonce: &[u8]) -> Self {
        let nonce = if nonce.is_empty() { Vec::new() } else { asn1::uint(nonce) };
        let status = asn1::seq(&[&asn1::uint(&[0])]);
        Self { status, content: SIGNED_DATA, info: TST_INFO, hash: SHA_256, digest, nonce, token: true }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let imprint = asn1::seq(&[&asn1::hash_algorithm(self.hash), &asn1::octets(&self.digest)]);
        let info = asn1::seq(&[
            &asn1::uint(&[1]),
            &asn1::oid("1.3.6.1.4.1.57264.2"),
            &imprint,
            &asn1::uint(&[9]),
            &asn1::generalized_time(signing_time()),
            &asn1::seq(&[&asn1::uint(&[1])]),
            &self.nonce,
        ]);
        let content = asn1::seq(&[&asn1::oid(self.info), &asn1::context(0, &asn1::octets(&info))]);
        let data = asn1::seq(&[&asn1::uint(&[3]), &asn1::set(&[]), &content, &asn1::set(&[])]);
        let token = asn1::seq(&[&asn1::oid(self.content), &asn1::context(0, &data)]);
        asn1::seq(&[&self.status, if self.token { &token } else { &[] }])
    }
}

fn authority(server: &Server) -> TimestampAuthority {
    TimestampAuthority::new(&format!("{}/api/v1/timestamp", server.url()), LONG).unwrap()
}

fn stamp(reply: &Reply, nonce: [u8; 8]) -> Result<Vec<u8>, (&'static str, bool)> {
    let server = Server::answers(vec![Answer::Body(200, reply.der())]);
    authority(&server).stamp(SIGNATURE, nonce).map_err(|error| (error.code(), error.is_refusal()))
}

fn digest() -> Vec<u8> {
    HashKind::Sha256.of(SIGNATURE)
}

/// An honest answer to a request whose nonce stands where ours stand.
pub(crate) fn honest(request: &Request) -> Answer {
    let digest = request.body.windows(34).find(|part| part[..2] == [4, 32]).map(|part| part[2..].to_vec()).unwrap();
    let end = request.body.len() - 3;
    let start = request.body.windows(34).position(|part| part[..2] == [4, 32]).unwrap() + 34;
    Answer::Body(201, Reply::honest(digest, &request.body[start + 2..end]).der())
}

#[test]
fn a_timestamp_is_of_the_signature_and_answers_the_request() {
    for nonce in [[0; 8], [0, 0, 0, 0, 0, 0, 0, 1], [0x7f; 8], [0x80, 0, 0, 0, 0, 0, 0, 0], [0xff; 8]] {
        let reply = Reply::honest(digest(), &nonce);
        assert_eq!(stamp(&reply, nonce), Ok(reply.der()));
        let server = Server::always(honest);
        assert!(authority(&server).stamp(SIGNATURE, nonce).is_ok(), "{nonce:?}");
        let request = server.asked().remove(0);
        assert_eq!(request.line, "POST /api/v1/timestamp");
        assert_eq!(request.header("content-type"), Some("application/timestamp-query"));
        let imprint = asn1::seq(&[&asn1::hash_algorithm(SHA_256), &asn1::octets(&digest())]);
        let expected = asn1::seq(&[&asn1::uint(&[1]), &imprint, &asn1::uint(&nonce), &asn1::yes()]);
        assert_eq!(request.body, expected);
    }
    let modified = Reply { status: asn1::seq(&[&asn1::uint(&[1])]), ..Reply::honest(digest(), &[5; 8]) };
    assert!(stamp(&modified, [5; 8]).is_ok());
}

#[test]
fn a_timestamp_of_something_else_is_a_lie() {
    let good = Reply::honest(digest(), &[5; 8]);
    let lie = Err(("timestamp-answer-mismatch", true));
    assert_eq!(stamp(&Reply { digest: HashKind::Sha256.of(b"another"), ..good.clone() }, [5; 8]), lie);
    assert_eq!(stamp(&good, [6; 8]), lie);
    assert_eq!(stamp(&Reply { nonce: Vec::new(), ..good.clone() }, [5; 8]), lie);
    let negative = Reply { nonce: asn1::tlv(2, &[0x85; 8]), ..good };
    assert_eq!(stamp(&negative, [0x85; 8]), lie);
}

#[test]
fn what_is_not_granted_is_no_timestamp() {
    let good = Reply::honest(digest(), &[5; 8]);
    let status = |number: u8| asn1::seq(&[&asn1::uint(&[number])]);
    let words = asn1::seq(&[&asn1::uint(&[2]), &asn1::seq(&[&asn1::utf8("bad\u{1b} request")])]);
    let invalid = Err(("timestamp-answer-invalid", false));
    let mut tried = 0;
    for reply in [
        Reply { status: status(2), ..good.clone() },
        Reply { status: status(3), token: false, ..good.clone() },
        Reply { status: status(255), ..good.clone() },
        Reply { status: words.clone(), token: false, ..good.clone() },
        Reply { status: asn1::seq(&[]), ..good.clone() },
        Reply { status: asn1::uint(&[0]), ..good.clone() },
        Reply { token: false, ..good.clone() },
        Reply { content: TST_INFO, ..good.clone() },
        Reply { info: SIGNED_DATA, ..good.clone() },
        Reply { hash: "2.16.840.1.101.3.4.2.3", ..good.clone() },
    ] {
        assert_eq!(stamp(&reply, [5; 8]), invalid);
        tried += 1;
    }
    assert_eq!(tried, 10);
    let server = Server::answers(vec![Answer::Body(200, Reply { status: words, token: false, ..good.clone() }.der())]);
    let text = authority(&server).stamp(SIGNATURE, [5; 8]).unwrap_err().to_string();
    assert!(text.contains("status 2: bad") && !text.contains('\u{1b}'), "{text}");
    let hostile = [&good.der()[..], b"behind it"].concat();
    for body in [&b""[..], b"0", &[0x30, 0], &[0x30, 0x80], b"<html>", &hostile, &good.der()[..50]] {
        let server = Server::answers(vec![Answer::Body(200, body.to_vec())]);
        let error: RemoteError = authority(&server).stamp(SIGNATURE, [5; 8]).unwrap_err();
        assert_eq!(error.code(), "timestamp-answer-invalid");
    }
}

/// Whatever byte of an answer is changed or missing: it is refused by name, or its hash and nonce are ours.
#[test]
fn a_damaged_answer_is_refused_or_still_ours() {
    let good = Reply::honest(digest(), &[5; 8]).der();
    let flipped = (0..good.len()).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x41;
        bytes
    });
    let cut = (0..good.len()).step_by(7).map(|end| good[..end].to_vec());
    let damaged: Vec<Vec<u8>> = flipped.chain(cut).collect();
    let answers = damaged.iter().map(|bytes| Answer::Body(200, bytes.clone())).collect();
    let server = Server::answers(answers);
    let authority = authority(&server);
    let (mut refused, mut taken) = (0, 0);
    for bytes in &damaged {
        match authority.stamp(SIGNATURE, [5; 8]) {
            Ok(answer) => {
                assert_eq!(answer, *bytes);
                assert!(
                    answer.windows(32).any(|part| part == digest()) && answer.windows(8).any(|part| part == [5; 8])
                );
                taken += 1;
            }
            Err(error) => {
                assert!(["timestamp-answer-invalid", "timestamp-answer-mismatch"].contains(&error.code()), "{error}");
                refused += 1;
            }
        }
    }
    println!("{refused} damaged answers refused, {taken} damaged where nothing is compared");
    assert!(refused > 100 && taken > 10);
}
