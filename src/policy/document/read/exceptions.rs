//! `exceptions`: what is let pass, for whom and until when.

use crate::formats::digest::Digest;
use crate::formats::digest::Strength;
use crate::policy::Anchored;
use crate::policy::document::model::ArtifactPattern;
use crate::policy::document::model::Exception;
use crate::policy::document::model::Skip;
use crate::policy::document::node::shown;
use crate::policy::document::read::MAX_NAMED;
use crate::policy::document::read::evidence::Evidences;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;

/// Most artifacts and checks of one exception each.
const MAX_ITEMS: usize = 256;

pub(in crate::policy::document) const KEYS: &[&str] = &["id", "artifacts", "skip", "reason", "ticket", "expires"];

pub(super) fn read(reader: &mut Reader, place: &Place<'_>, evidence: &Evidences) -> Vec<Exception> {
    let mut out: Vec<Exception> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    for place in reader.list(place, "exceptions", MAX_NAMED) {
        let at = place.clone();
        let Some((id, exception)) = exception(reader, place, evidence) else { continue };
        if ids.contains(&id) {
            reader.refuse("policy-duplicate-id", &at, "an id of its own", shown(&id));
        }
        ids.push(id);
        out.extend(exception);
    }
    out
}

fn exception(reader: &mut Reader, place: Place<'_>, evidence: &Evidences) -> Option<(String, Option<Exception>)> {
    let fields = reader.fields(place, KEYS)?;
    let id = reader.id(&fields);
    let artifacts = reader.need(&fields, "artifacts").map(|place| {
        let items = reader.list(&place, "artifacts", MAX_ITEMS);
        items.into_iter().filter_map(|place| artifact(reader, place)).collect::<Vec<_>>()
    });
    let skip = reader.need(&fields, "skip").map(|place| {
        let items = reader.list(&place, "evidence or checks", MAX_ITEMS);
        items.iter().filter_map(|place| skip(reader, place, evidence)).collect::<Vec<_>>()
    });
    let reason = reader.need_text(&fields, "reason");
    let ticket = reader.maybe_text(&fields, "ticket").map(str::to_owned);
    let expires = reader.need(&fields, "expires").and_then(|place| reader.time(&place));
    let id = id?;
    let made = || {
        Some(Exception {
            id: id.clone(),
            at: fields.place().node.at,
            artifacts: artifacts?,
            skip: skip?,
            reason: reason?.to_owned(),
            ticket,
            expires: expires?,
        })
    };
    let exception = made();
    Some((id, exception))
}

/// `{digest: sha256:…}` or `{name: PATTERN}`.
fn artifact(reader: &mut Reader, place: Place<'_>) -> Option<ArtifactPattern> {
    let fields = reader.fields(place, &["digest", "name"])?;
    match (fields.get("digest"), fields.get("name")) {
        (Some(place), None) => {
            let text = reader.text(&place)?;
            let digest = Digest::parse(text).ok().filter(|digest| digest.algorithm().strength() != Strength::Weak);
            if digest.is_none() {
                reader.refuse("policy-digest", &place, "a digest that binds, such as sha256:…", shown(text));
            }
            digest.map(ArtifactPattern::Digest)
        }
        (None, Some(place)) => {
            let text = reader.text(&place)?;
            let expression = reader.keep(Anchored::new(&expression(text)), &place)?;
            Some(ArtifactPattern::Name { text: text.to_owned(), expression })
        }
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            reader.refuse("policy-key-conflict", fields.place(), "either digest or name", found);
            None
        }
    }
}

/// A pattern as an expression: `*` stands for characters without a slash, `**` for any; everything else for itself.
fn expression(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() * 2);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**") {
            out.push_str(".*");
            rest = after;
            continue;
        }
        match c {
            '*' => out.push_str("[^/]*"),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// `EVIDENCE`, or `EVIDENCE.CHECK`.
fn skip(reader: &mut Reader, place: &Place<'_>, evidence: &Evidences) -> Option<Skip> {
    let text = reader.text(place)?;
    let (name, check) = text.split_once('.').map_or((text, None), |(name, check)| (name, Some(check)));
    let Some(index) = evidence.names.iter().position(|known| known == name) else {
        let expected = format!("the name of evidence: {}", evidence.names.join(", "));
        reader.refuse("policy-unknown-name", place, &expected, shown(name));
        return None;
    };
    if let Some(check) = check {
        let checks = evidence.checks.get(index).map(Vec::as_slice).unwrap_or_default();
        if !checks.iter().any(|known| known == check) {
            let expected = format!("a check of {name}: {}", checks.join(", "));
            reader.refuse("policy-unknown-name", place, &expected, shown(check));
            return None;
        }
    }
    Some(Skip { evidence: index, check: check.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_whole_names() {
        let matches = |pattern: &str, name: &str| Anchored::new(&expression(pattern)).unwrap().matches(name);
        assert!(matches("dist/*.tar.gz", "dist/app.tar.gz"));
        assert!(!matches("dist/*.tar.gz", "dist/a/app.tar.gz"));
        assert!(matches("dist/**.tar.gz", "dist/a/app.tar.gz"));
        assert!(!matches("app.tar.gz", "appxtar.gz"));
        assert!(!matches("app", "my-app"));
        assert!(matches("a+(b)|c", "a+(b)|c"));
    }
}
