//! Attestations of which the payload is measured and not held: judged as they are when all of it is held.

use sealmark::formats::bundle::Content;
use sealmark::formats::payload::Payload;
use sealmark::store::measure;
use sealmark::store::measure::Text;
use sealmark::store::spool::Spooled;

use crate::fixtures::Case;
use crate::fixtures::now;
use crate::lies;
use crate::mutations;
use crate::seven;
use crate::truths;

/// What the verifier says when the payload passes by; None where it has to be held.
fn outcome(case: &Case) -> Option<Result<(), &'static str>> {
    if case.trust.verifier().takes_digests() { measured(case) } else { None }
}

/// The same whatever the keys are.
fn measured(case: &Case) -> Option<Result<(), &'static str>> {
    let verifier = case.trust.verifier();
    let text = Spooled::copy(case.text.as_bytes()).unwrap();
    let long = measure::measured(&text, Text::File).unwrap()?;
    let Content::Envelope(envelope) = &long.bundle.content else { panic!("{}", case.name) };
    assert!(matches!(envelope.payload, Payload::Measured(_)), "{}", case.name);
    Some(verifier.verify(&long.bundle, &case.about.artifact(), now()).map(|_| ()).map_err(|error| error.code()))
}

/// Each case, and how many were accepted, refused, and held.
fn judged_alike(cases: &[Case]) -> (usize, usize, usize) {
    let (mut accepted, mut refused, mut held) = (0, 0, 0);
    for case in cases {
        let whole = case.outcome().map(|_| ());
        match outcome(case) {
            None => held += 1,
            Some(passed) => {
                assert_eq!(passed, whole, "{}", case.name);
                if passed.is_ok() { accepted += 1 } else { refused += 1 }
            }
        }
    }
    println!("{accepted} accepted, {refused} refused, {held} held");
    (accepted, refused, held)
}

#[test]
fn every_lie_is_refused_with_the_code_that_it_has_when_it_is_held() {
    let cases = [lies::all(), seven::all()].concat();
    let (accepted, refused, _) = judged_alike(&cases);
    assert!(accepted == 0 && refused > 120, "{accepted} accepted, {refused} refused");
}

#[test]
fn every_truth_is_accepted_when_it_passes_by() {
    let (accepted, refused, _) = judged_alike(&truths::all());
    assert!(accepted > 40 && refused == 0, "{accepted} accepted, {refused} refused");
}

#[test]
fn every_damage_has_the_code_that_it_has_when_it_is_held() {
    let (_, refused, _) = judged_alike(&mutations::cases());
    assert!(refused > 600, "{refused} refused");
}

#[test]
fn a_key_that_signs_messages_needs_them() {
    let cases = truths::all();
    let cases = cases.iter().filter(|case| !case.trust.verifier().takes_digests());
    let codes: Vec<_> = cases.filter_map(measured).collect();
    println!("{codes:?}");
    assert!(codes.contains(&Err("message-bytes-needed")));
    assert!(codes.iter().all(|found| matches!(found, Ok(()) | Err("message-bytes-needed"))));
}
