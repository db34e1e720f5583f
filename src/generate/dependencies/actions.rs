//! Workflows and actions of GitHub: the actions, reusable workflows and images that they use.

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::purl::Kind;
use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::image;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::yaml;
use crate::generate::dependencies::yaml::Node;

/// Whether a file is a workflow: GitHub looks in this one folder, not below it.
pub(super) fn matches_workflow(path: &str) -> bool {
    let name = path.strip_prefix(".github/workflows/").unwrap_or_default();
    !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml"))
}

/// Reads a workflow: `uses` of its jobs and steps, images of its containers and services.
pub(super) fn read_workflow(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    for document in yaml::parse(reading, text)? {
        let Some(jobs) = document.get("jobs").and_then(Node::map) else { continue };
        for (name, job) in jobs {
            let at = format!("the job {name:?}");
            if let Some(used) = job.text_at("uses") {
                uses(reading, &at, used)?;
            }
            steps(reading, &at, job)?;
            let services = job.get("services").and_then(Node::map).into_iter().flat_map(|map| map.values());
            for container in job.get("container").into_iter().chain(services) {
                // Empty is how a workflow says that there is none.
                let named = container.text().or_else(|| container.text_at("image")).filter(|text| !text.is_empty());
                if let Some(named) = named {
                    image::take(reading, &at, named.strip_prefix("docker://").unwrap_or(named))?;
                }
            }
        }
    }
    Ok(())
}

/// Reads the description of an action: `uses` of its steps, or its image.
pub(super) fn read_action(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    for document in yaml::parse(reading, text)? {
        let Some(runs) = document.get("runs") else { continue };
        steps(reading, "runs", runs)?;
        if let Some(named) = runs.text_at("image").and_then(|image| image.strip_prefix("docker://")) {
            image::take(reading, "runs", named)?;
        }
    }
    Ok(())
}

fn steps(reading: &mut Reading<'_>, at: &str, of: &Node) -> Result<(), DependencyError> {
    let steps = of.get("steps").map_or(&[][..], Node::items);
    for (n, step) in steps.iter().enumerate() {
        if let Some(used) = step.text_at("uses") {
            uses(reading, &format!("{at}, step {}", n + 1), used)?;
        }
    }
    Ok(())
}

/// `owner/repository/path@ref`, `docker://image`, or `./path` of the checkout, which is left out.
fn uses(reading: &mut Reading<'_>, at: &str, used: &str) -> Result<(), DependencyError> {
    if used.starts_with("./") {
        return Ok(());
    }
    if let Some(named) = used.strip_prefix("docker://") {
        return image::take(reading, at, named);
    }
    if used.contains("${{") {
        return reading.unresolved(used, Why::Computed);
    }
    let (path, git_ref) = used.rsplit_once('@').unwrap_or((used, ""));
    // The names of commits are hexadecimal in either case.
    let Ok(commit) = Digest::from_hex(Algorithm::GitCommit, &git_ref.to_ascii_lowercase()) else {
        return reading.unresolved(used, Why::Moving);
    };
    let purl = purl(path, &commit.hex());
    let purl = purl.ok_or_else(|| reading.invalid(at, "owner/repository/path@commit", used))?;
    reading.take(&purl, vec![commit])
}

fn purl(path: &str, commit: &str) -> Option<Purl> {
    let mut parts = path.splitn(3, '/');
    let (owner, repository) = (parts.next()?, parts.next()?);
    let purl = Purl::new(Kind::Github, &format!("{owner}/{repository}"))?.version(commit)?;
    match parts.next() {
        Some(below) => purl.subpath(below),
        None => Some(purl),
    }
}
