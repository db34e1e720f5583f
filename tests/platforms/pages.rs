//! The pages of the build types: their examples are made by the code, and their tables are the code's.
//!
//! `SEALMARK_BLESS=1 cargo test --test platforms pages` rewrites both.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sealmark::generate::ci::MARKER;
use sealmark::generate::ci::Platform;
use sealmark::generate::ci::topics::Claim;
use sealmark::generate::ci::topics::Need;
use sealmark::generate::ci::topics::Place;
use sealmark::generate::ci::topics::Topic;

use crate::buildkite;
use crate::circleci;
use crate::environment_only;
use crate::fixtures::Job;
use crate::gitlab;

fn jobs() -> Vec<Job> {
    vec![
        gitlab::job(),
        buildkite::job(),
        circleci::job(),
        environment_only::jenkins(),
        environment_only::azure(),
        environment_only::google(),
        environment_only::tekton(),
    ]
}

/// A topic as a row: field, meaning, claim, variable, need.
fn row(platform: Platform, topic: &Topic) -> String {
    let field = match topic.place {
        Place::Pipeline => format!("`externalParameters.pipeline.{}`", topic.name),
        Place::Platform => format!("`internalParameters.{}.{}`", platform.name().replace('-', "_"), topic.name),
        Place::Part => "(made into others)".to_owned(),
    };
    let claim = match topic.claim {
        Some(Claim::Certified(name)) => format!("`{name}`, in the certificate"),
        Some(Claim::TokenOnly(name)) => format!("`{name}`"),
        None => "none".to_owned(),
    };
    let variable = topic.variable.map_or("none".to_owned(), |name| format!("`{name}`"));
    let need = match topic.need {
        Need::Always => "always",
        Need::InToken => "in the token",
        Need::Never => "no",
    };
    format!("| {field} | {} | {claim} | {variable} | {need} |\n", topic.what)
}

fn table(platform: Platform) -> String {
    let mut text = "\n| field | what | claim | variable | needed |\n|---|---|---|---|---|\n".to_owned();
    let mut topics: Vec<&Topic> = platform.topics().iter().collect();
    topics.sort_by_key(|topic| match topic.place {
        Place::Pipeline => 0,
        Place::Platform => 1,
        Place::Part => 2,
    });
    for topic in topics {
        write!(text, "{}", row(platform, topic)).unwrap();
    }
    text + "\n"
}

/// The text with what stands between two marks replaced.
fn between(text: &str, open: &str, shut: &str, content: &str) -> String {
    let (before, rest) = text.split_once(open).unwrap_or_else(|| panic!("no {open:?}"));
    let (_, after) = rest.split_once(shut).unwrap_or_else(|| panic!("no {shut:?}"));
    format!("{before}{open}{content}{shut}{after}")
}

#[test]
fn the_pages_are_what_the_code_says() {
    for job in jobs() {
        let name = job.platform.name();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/buildtypes/{name}-v1.md"));
        let found = fs::read_to_string(&path).unwrap();
        let example = serde_json::to_string_pretty(&job.statement()).unwrap();
        let expected = between(&found, "```json\n", "```\n", &format!("{example}\n"));
        let expected = between(&expected, "<!-- fields -->\n", "<!-- /fields -->", &table(job.platform));
        if std::env::var_os("SEALMARK_BLESS").is_some() {
            fs::write(&path, &expected).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap();
        assert!(found == expected, "{name}: run with SEALMARK_BLESS=1 and look at the difference");
        assert!(found.lines().count() <= 200, "{name}");
    }
}

#[test]
fn the_overview_names_every_platform_and_its_sign() {
    let page = include_str!("../../docs/platforms.md");
    for job in jobs() {
        let name = job.platform.name();
        assert!(page.contains(&format!("(buildtypes/{name}-v1.md)")), "{name}");
        let sign = job.platform.sign().map_or(format!("{MARKER}={name}"), str::to_owned);
        assert!(page.contains(&format!("`{sign}")), "{name} by {sign}");
    }
}
