//! `verifiers`: who may be believed.

use crate::formats::certificate::Claim;
use crate::policy::Anchored;
use crate::policy::Require;
use crate::policy::document::model::IdentityRule;
use crate::policy::document::model::Log;
use crate::policy::document::model::NamedVerifier;
use crate::policy::document::model::Signers;
use crate::policy::document::node::Kind;
use crate::policy::document::node::shown;
use crate::policy::document::read::Files;
use crate::policy::document::read::MAX_NAMED;
use crate::policy::document::reader::Fields;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;
use crate::trust::embedded::Domain;
use crate::trust::key;
use crate::trust::key::PublicKey;
use crate::trust::rings;
use crate::trust::rings::Ring;
use crate::trust::rings::TrustedKey;
use crate::trust::root::TrustedRoot;

/// Most identities, keys and roots of one verifier each.
const MAX_ITEMS: usize = 32;

pub(in crate::policy::document) const KEYS: &[&str] =
    &["description", "trust", "identities", "keys", "keyRings", "transparency"];
pub(in crate::policy::document) const IDENTITY: &[&str] = &["identity", "issuer", "extensions"];
pub(in crate::policy::document) const REQUIRE: &[&str] = &["exact", "oneOf", "matches", "any"];
pub(in crate::policy::document) const KEY: &[&str] = &["pem", "file", "sha256"];
pub(in crate::policy::document) const ROOT: &[&str] = &["file", "sha256"];
pub(in crate::policy::document) const RINGS: &[Ring] = &[Ring::NpmRegistry, Ring::GoogleCloudBuild];
pub(in crate::policy::document) const LOG: &[(&str, Log)] =
    &[("required", Log::Required), ("not-required", Log::NotRequired)];

/// What was read, and every name whether or not it could be read: a name with a problem is still a name.
#[derive(Debug, Default)]
pub(super) struct Verifiers {
    pub(super) read: Vec<NamedVerifier>,
    pub(super) names: Vec<String>,
}

pub(super) fn read(reader: &mut Reader, place: &Place<'_>, files: &Files) -> Verifiers {
    let mut out = Verifiers::default();
    let named = reader.named(place, "verifiers");
    if named.len() > MAX_NAMED {
        reader.refuse("policy-too-many", place, &format!("at most {MAX_NAMED} verifiers"), named.len().to_string());
    }
    for (name, place) in named.into_iter().take(MAX_NAMED) {
        out.names.push(name.clone());
        out.read.extend(verifier(reader, name, place, files));
    }
    out
}

fn verifier(reader: &mut Reader, name: String, place: Place<'_>, files: &Files) -> Option<NamedVerifier> {
    let fields = reader.fields(place, KEYS)?;
    reader.maybe_text(&fields, "description");
    let roots = fields.get("trust").map(|place| roots(reader, &place, files));
    let log = reader.need(&fields, "transparency").and_then(|place| {
        let fields = reader.fields(place, &["log"])?;
        let place = reader.need(&fields, "log")?;
        reader.word(&place, LOG)
    });
    let signers = match (fields.get("identities"), fields.has("keys") || fields.has("keyRings")) {
        (Some(list), false) => {
            let rules = reader.list(&list, "identities", MAX_ITEMS);
            let rules = rules.into_iter().filter_map(|place| identity(reader, place)).collect();
            Some(Signers::Identities(rules))
        }
        (None, true) => {
            let named = fields.get("keys").map(|list| reader.list(&list, "keys", MAX_ITEMS)).unwrap_or_default();
            let mut keys: Vec<_> = named.into_iter().filter_map(|place| key(reader, place, files)).collect();
            if let Some(list) = fields.get("keyRings") {
                keys.extend(key_rings(reader, &list));
            }
            Some(Signers::Keys(keys))
        }
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            reader.refuse("policy-key-conflict", fields.place(), "either identities, or keys and keyRings", found);
            None
        }
    };
    let needs_root = matches!(signers, Some(Signers::Identities(_))) || log == Some(Log::Required);
    if roots.is_none() && needs_root && signers.is_some() {
        reader.refuse("policy-key-missing", fields.place(), "the key trust, for certificates and logs", "none");
    }
    Some(NamedVerifier {
        name,
        at: fields.place().node.at,
        roots: roots.unwrap_or_default(),
        signers: signers?,
        log: log?,
    })
}

fn roots(reader: &mut Reader, place: &Place<'_>, files: &Files) -> Vec<TrustedRoot> {
    let mut out = Vec::new();
    for place in reader.list(place, "trusted roots", MAX_ITEMS) {
        if let Kind::Text(name) = &place.node.kind {
            match Domain::from_name(name).map(Domain::root) {
                Some(Ok(root)) => out.push(root),
                Some(Err(error)) => reader.refuse("policy-trust", &place, "a trusted root", error.to_string()),
                None => {
                    let expected = "public-good, github, or a map of file and sha256";
                    reader.refuse("policy-unknown-name", &place, expected, shown(name));
                }
            }
            continue;
        }
        let Some(fields) = reader.fields(place, ROOT) else { continue };
        let Some((name, bytes)) = file(reader, &fields, files) else { continue };
        match TrustedRoot::parse_file(bytes, name) {
            Ok(roots) => out.extend(roots),
            Err(error) => reader.refuse("policy-trust", fields.place(), "a trusted_root.json", error.to_string()),
        }
    }
    out
}

/// The content of a file that is named with its digest. Without the digest, whoever can write the file decides.
fn file<'n, 'f>(reader: &mut Reader, fields: &Fields<'n>, files: &'f Files) -> Option<(&'n str, &'f [u8])> {
    let place = reader.need(fields, "file")?;
    let name = reader.text(&place)?;
    let bytes = match files.get(name) {
        Some(Ok(bytes)) => bytes,
        Some(Err(reason)) => {
            reader.refuse("policy-file", &place, "a file beside the policy", reason.clone());
            return None;
        }
        None => {
            reader.refuse("policy-file", &place, "a file beside the policy", "none that was given");
            return None;
        }
    };
    let found = hex::encode(key::sha256(bytes));
    let pin = fields.get("sha256");
    let pinned = pin.as_ref().and_then(|place| reader.text(place));
    match (&pin, pinned) {
        (Some(_), Some(pinned)) if pinned == found => Some((name, bytes)),
        (Some(pin), Some(pinned)) => {
            reader.refuse(
                "policy-file-pin",
                pin,
                &format!("{}, as pinned", shown(pinned)),
                format!("{found} of {name}"),
            );
            None
        }
        (Some(_), None) => None,
        (None, _) => {
            let expected = format!("the key sha256 with the file's digest, which is {found}");
            reader.refuse("policy-file-pin", fields.place(), &expected, "none");
            None
        }
    }
}

fn key(reader: &mut Reader, place: Place<'_>, files: &Files) -> Option<TrustedKey> {
    let fields = reader.fields(place, KEY)?;
    let (voucher, bytes) = match (fields.get("pem"), fields.has("file")) {
        (Some(place), false) => {
            if let Some(pin) = fields.get("sha256") {
                reader.refuse("policy-key-conflict", &pin, "sha256 beside a file alone", "it beside pem");
            }
            ("the policy".to_owned(), reader.long_text(&place, key::MAX_PEM_BYTES)?.as_bytes())
        }
        (None, true) => {
            let (name, bytes) = file(reader, &fields, files)?;
            (name.to_owned(), bytes)
        }
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            reader.refuse("policy-key-conflict", fields.place(), "either pem or file", found);
            return None;
        }
    };
    match PublicKey::from_pem(bytes) {
        Ok(key) => Some(TrustedKey::named(voucher, key)),
        Err(error) => {
            reader.refuse("policy-trust", fields.place(), "a PEM public key", error.to_string());
            None
        }
    }
}

/// The keys of well-known services, which ship inside the program.
fn key_rings(reader: &mut Reader, list: &Place<'_>) -> Vec<TrustedKey> {
    let mut out = Vec::new();
    let table: Vec<(&str, Ring)> = RINGS.iter().map(|ring| (ring.name(), *ring)).collect();
    for place in reader.list(list, "key rings", RINGS.len()) {
        let keys = match reader.word(&place, &table) {
            Some(Ring::NpmRegistry) => rings::npm(),
            Some(Ring::GoogleCloudBuild) => rings::google_cloud_build(),
            Some(Ring::Named) | None => continue,
        };
        match keys {
            Ok(keys) => out.extend(keys),
            Err(error) => reader.refuse("policy-trust", &place, "a key ring", error.to_string()),
        }
    }
    out
}

fn identity(reader: &mut Reader, place: Place<'_>) -> Option<IdentityRule> {
    let fields = reader.fields(place, IDENTITY)?;
    let identity = reader.need(&fields, "identity").and_then(|place| require(reader, place));
    let issuer = reader.need(&fields, "issuer").and_then(|place| require(reader, place));
    let mut extensions = Vec::new();
    if let Some(place) = fields.get("extensions") {
        let known: Vec<&str> = Claim::all().map(Claim::name).collect();
        if let Some(fields) = reader.fields(place, &known) {
            for claim in Claim::all() {
                if let Some(place) = fields.get(claim.name()) {
                    extensions.extend(require(reader, place).map(|require| (claim, require)));
                }
            }
        }
    }
    let at = fields.place().node.at;
    Some(IdentityRule { at, identity: identity?, issuer: issuer?, extensions })
}

/// `{exact: TEXT}`, `{oneOf: [TEXT…]}`, `{matches: REGEXP}` or `{any: true}`: one of them, written out.
fn require(reader: &mut Reader, place: Place<'_>) -> Option<Require> {
    let fields = reader.fields(place, REQUIRE)?;
    let given: Vec<&str> = REQUIRE.iter().copied().filter(|key| fields.has(key)).collect();
    let [only] = given.as_slice() else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        reader.refuse("policy-key-conflict", fields.place(), "one of exact, oneOf, matches, any", found);
        return None;
    };
    let place = fields.get(only)?;
    match *only {
        "exact" => reader.text(&place).map(|text| Require::Exactly(text.to_owned())),
        "oneOf" => {
            let items = reader.list(&place, "texts", MAX_ITEMS);
            let texts: Option<Vec<String>> = items.iter().map(|place| reader.text(place).map(str::to_owned)).collect();
            texts.filter(|texts| !texts.is_empty()).map(Require::OneOf)
        }
        "matches" => {
            let text = reader.text(&place)?;
            reader.keep(Anchored::new(text), &place).map(Require::Matches)
        }
        _ => reader.only_true(&place).then_some(Require::Any),
    }
}
