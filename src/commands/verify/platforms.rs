//! An index and the images that it lists: what is attached to the index covers them, since it pins their digests; nothing that is
//! attached to one of them covers anything else.

use crate::commands::verify::images::Choice;
use crate::commands::verify::images::Court;
use crate::commands::verify::images::Image;
use crate::commands::verify::images::Place;
use crate::commands::verify::images::origin;
use crate::commands::verify::images::undecided;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Kind;
use crate::formats::oci::platform;
use crate::formats::oci::platform::Platform;
use crate::report::COVERED_BY_INDEX;
use crate::report::Finding;
use crate::report::IMAGE_INDEX;
use crate::report::INDEX_NOT_ATTESTED;
use crate::report::Notice;
use crate::report::Report;
use crate::report::Verdict;
use crate::store::oci::Manifest;
use crate::store::oci::platforms::Chosen;
use crate::store::oci::platforms::choose;
use crate::store::oci::resolve::need_listed;

/// What an image comes to. Its manifest is what its digest says already.
pub(super) fn report(court: &Court<'_>, place: &Place<'_>, image: &Image<'_>) -> Report {
    let index = image.manifest.as_ref().filter(|manifest| manifest.document.kind == Kind::Index);
    match (&court.choice, index, &image.manifest) {
        (Choice::One(asked), _, Some(manifest)) => match choose(place.images, manifest, asked) {
            Ok(Chosen::Listed(item)) => one(court, place, image, manifest, item),
            Ok(Chosen::Itself(found)) => alone(court, place, image, &found),
            Err(error) => refused(court, place, image, Finding::new(error.code(), error)),
        },
        (Choice::Each, Some(index), _) => each(court, place, image, index),
        _ => {
            let mut report = named(image, court.judged(place, &image.digest, image.threads));
            report.notices.extend(index.map(|index| about(place, index)));
            report
        }
    }
}

/// The same report, about the image as it was asked for.
fn named(image: &Image<'_>, mut report: Report) -> Report {
    report.results.iter_mut().for_each(|result| result.artifact.image = Some(Box::new(origin(image.asked))));
    report
}

fn about(place: &Place<'_>, index: &Manifest) -> Notice {
    let count = platform::images(&index.document).len();
    let message = format!(
        "{}@{} is an index of {count} images: what is attached to it covers them, since it pins their digests; what is \
         attached to one of them covers neither the index nor another",
        place.name, index.digest
    );
    Notice { code: IMAGE_INDEX, message, hint: None }
}

/// An image that is for one platform.
fn alone(court: &Court<'_>, place: &Place<'_>, image: &Image<'_>, found: &Platform) -> Report {
    let mut report = named(image, court.judged(place, &image.digest, image.threads));
    for origin in report.results.iter_mut().filter_map(|result| result.artifact.image.as_mut()) {
        origin.platform = Some(found.to_string());
    }
    report
}

/// The image of an index that is for a platform.
fn one(court: &Court<'_>, place: &Place<'_>, image: &Image<'_>, index: &Manifest, item: &Descriptor) -> Report {
    let own = listed(court, place, image, index, item);
    if own.verdict == Verdict::Allowed || is_unread(&own) {
        return own;
    }
    through(own, &court.judged(place, &index.digest, image.threads), index)
}

/// The index, and every image that it lists.
fn each(court: &Court<'_>, place: &Place<'_>, image: &Image<'_>, index: &Manifest) -> Report {
    let whole = court.judged(place, &index.digest, image.threads);
    let items = platform::images(&index.document);
    let own: Vec<Report> = items.iter().map(|item| listed(court, place, image, index, item)).collect();
    let mut top = named(image, whole.clone());
    top.notices.push(about(place, index));
    let all = !own.is_empty() && own.iter().all(|report| report.verdict == Verdict::Allowed);
    if whole.verdict == Verdict::Denied && all {
        let message = format!("expected an attestation of the index, found one for each of its {} images", own.len());
        let findings = top.results.iter_mut().map(|result| &mut result.findings);
        findings.for_each(|findings| findings.push(Finding::new(INDEX_NOT_ATTESTED, &message)));
    }
    let covered = own.into_iter().map(|own| match whole.verdict {
        Verdict::Allowed if own.verdict != Verdict::Allowed && !is_unread(&own) => through(own, &whole, index),
        _ => own,
    });
    Report::merged(court.now, std::iter::once(top).chain(covered).collect())
}

/// An image of an index by what is attached to itself. It must be there, and be what the index says.
fn listed(court: &Court<'_>, place: &Place<'_>, image: &Image<'_>, index: &Manifest, item: &Descriptor) -> Report {
    let mut report = match need_listed(place.images, item) {
        Ok(_) => court.judged(place, &item.digest, image.threads),
        Err(error) => {
            let mut result = undecided(&format!("{}@{}", place.name, item.digest), Finding::new(error.code(), error));
            result.artifact.digests = [&item.digest].into_iter().collect();
            Report::new(court.now, vec![result], Vec::new())
        }
    };
    for result in &mut report.results {
        let mut origin = origin(image.asked);
        origin.platform = item.platform.clone();
        origin.index = Some(index.digest.to_string());
        result.artifact.image = Some(Box::new(origin));
    }
    report
}

/// Whether an image could not be looked at itself. Then its index does not help: nobody knows what is there.
fn is_unread(report: &Report) -> bool {
    report.results.iter().any(|result| result.verdict == Verdict::Undecided && result.candidates.is_empty())
}

/// An image that is not allowed by itself, by what is attached to its index: as allowed as that, and undecided where that is.
fn through(own: Report, whole: &Report, index: &Manifest) -> Report {
    let Some(of_index) = whole.results.first() else { return own };
    let mut report = own;
    for result in &mut report.results {
        let name = result.artifact.name.clone();
        let own = std::mem::take(&mut result.candidates);
        result.candidates = of_index.candidates.iter().cloned().chain(own).collect();
        match whole.verdict {
            Verdict::Denied => continue,
            Verdict::Undecided => {
                result.verdict = Verdict::Undecided;
                result.findings.extend(of_index.findings.iter().cloned());
                continue;
            }
            Verdict::Allowed => {}
        }
        result.verdict = Verdict::Allowed;
        result.findings.clear();
        result.not_checked.clone_from(&of_index.not_checked);
        let message = format!("{name} is covered by the index {}, which pins its digest and is allowed", index.digest);
        report.notices.push(Notice { code: COVERED_BY_INDEX, message, hint: None });
        if let (Some(mine), Some(policy)) = (&mut report.policy, &whole.policy)
            && let Some(found) = policy.results.first()
        {
            let mut found = found.clone();
            found.artifact.clone_from(&name);
            mine.results = vec![found];
        }
    }
    Report { policy: report.policy.take(), ..Report::new(report.verified_at, report.results, report.notices) }
}

/// The platform that was asked for is none of the image's.
fn refused(court: &Court<'_>, place: &Place<'_>, image: &Image<'_>, finding: Finding) -> Report {
    let mut result = undecided(&format!("{}@{}", place.name, image.digest), finding);
    result.artifact.digests = [&image.digest].into_iter().collect();
    named(image, Report::new(court.now, vec![result], Vec::new()))
}
