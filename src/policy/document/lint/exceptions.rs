//! Lints of exceptions: those that are for everything, for long, or for too much.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::policy::document::lint::Level;
use crate::policy::document::lint::Lints;
use crate::policy::document::model::ArtifactPattern;
use crate::policy::document::model::Document;
use crate::policy::document::model::Exception;

/// From this length on an exception is a rule.
const LONG: SignedDuration = SignedDuration::from_hours(90 * 24);

pub(super) fn lint(exception: &Exception, document: &Document, now: Timestamp, lints: &mut Lints) {
    let (id, at) = (&exception.id, exception.at);
    for pattern in &exception.artifacts {
        let ArtifactPattern::Name { text, expression } = pattern else { continue };
        if ["x", "a/b", "some-name.tar.gz"].iter().any(|name| expression.matches(name)) {
            let message = format!("{id}: the pattern {text} is every artifact's name");
            lints.say(Level::Error, "policy-exception-everything", at, message);
        } else {
            let message =
                format!("{id}: whoever names the artifact decides whether {text} is for it; a digest cannot be chosen");
            lints.say(Level::Warning, "policy-exception-by-name", at, message);
        }
    }
    for skip in exception.skip.iter().filter(|skip| skip.check.is_none()) {
        let name = document.evidence.get(skip.evidence).map_or("", |evidence| evidence.name.as_str());
        let message = format!("{id}: all of {name} is let pass, its signer too; name single checks as {name}.CHECK");
        lints.say(Level::Warning, "policy-exception-evidence", at, message);
    }
    if exception.expires <= now {
        let message = format!("{id}: it expired at {} and counts no more; take it out", exception.expires);
        lints.say(Level::Warning, "policy-exception-expired", at, message);
    } else if exception.expires.duration_since(now) > LONG {
        let message = format!("{id}: it counts until {}, more than 90 days from now", exception.expires);
        lints.say(Level::Warning, "policy-exception-long", at, message);
    }
}
