//! Random damage, the same for the same seed: what the verifier accepts, the second judge accepts too.

use std::env;

use serde_json::Value;
use serde_json::json;

use sealmark::formats::base64;

use crate::fixtures::ARTIFACT;
use crate::fixtures::About;
use crate::fixtures::Case;
use crate::judge;
use crate::mutations;
use crate::mutations::Base;

/// How many mutants, unless `SEALMARK_MUTANTS` says otherwise.
const MUTANTS: u64 = 20_000;

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn one<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Bytes with one of the usual accidents.
fn damaged(bytes: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(bytes.len());
    match random.below(6) {
        0 if !bytes.is_empty() => bytes[place] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[place] = *random.one(&[0, 1, 0x7f, 0x80, 0xff]),
        2 if !bytes.is_empty() => drop(bytes.remove(place)),
        3 => bytes.insert(place, *random.one(&[0, b'0', b'"', b'\n', 0xff])),
        4 => bytes.truncate(place),
        _ => {
            let other = random.below(bytes.len());
            if !bytes.is_empty() {
                bytes.swap(place, other);
            }
        }
    }
}

/// One part of a bundle damaged, or put where another was.
fn damage_part(bundle: &mut Value, bases: &[Base], random: &mut Random) {
    let pointers = mutations::places(bundle);
    let pointer = random.one(&pointers).clone();
    let donor = random.one(bases);
    let donor = if random.below(2) == 0 { &donor.good } else { &donor.other };
    let part = bundle.pointer(&pointer).cloned().unwrap_or(Value::Null);
    let new = match (random.below(5), part) {
        (0, _) => donor.pointer(&pointer).cloned(),
        (1, _) => donor.pointer(random.one::<String>(&mutations::places(donor))).cloned(),
        (_, Value::String(text)) => match base64::decode(&text).filter(|bytes| bytes.len() > 4) {
            Some(mut bytes) => {
                damaged(&mut bytes, random);
                Some(json!(base64::encode(&bytes)))
            }
            None => {
                let mut bytes = text.into_bytes();
                damaged(&mut bytes, random);
                Some(json!(String::from_utf8_lossy(&bytes)))
            }
        },
        (_, Value::Array(mut items)) if !items.is_empty() => {
            let item = random.one(&items).clone();
            items.push(item);
            Some(Value::Array(items))
        }
        _ => None,
    };
    *bundle.pointer_mut(&pointer).unwrap() = new.unwrap_or(Value::Null);
}

fn mutant(n: u64, bases: &[Base], random: &mut Random) -> Case {
    let base = random.one(bases);
    let mut bundle = base.good.clone();
    for _ in 0..=random.below(3) {
        damage_part(&mut bundle, bases, random);
    }
    let mut text = bundle.to_string();
    if random.below(8) == 0 {
        let mut bytes = text.into_bytes();
        damaged(&mut bytes, random);
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    Case {
        name: format!("mutant {n} of {}", base.name),
        text,
        trust: base.trust.clone(),
        about: About::Blob(ARTIFACT.to_vec()),
        expected: Ok(()),
    }
}

#[test]
fn the_second_judge_accepts_what_is_accepted() {
    let count = env::var("SEALMARK_MUTANTS").map_or(MUTANTS, |count| count.parse().unwrap());
    let seed = env::var("SEALMARK_SEED").map_or(1, |seed| seed.parse().unwrap());
    let bases = mutations::bases();
    let random = &mut Random(seed);
    let cases = (0..count).map(|n| mutant(n, &bases, random));
    let tally = judge::compare(&format!("{count} mutants of seed {seed}"), cases);
    assert!(count < 1000 || tally.both_accept > 0 && tally.both_refuse > 0);
}
