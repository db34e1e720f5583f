//! A policy file with the files that it names, from disk.

use std::path::Component;
use std::path::Path;

use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::policy::document::model::Document;
use crate::policy::document::node::Node;
use crate::policy::document::problem::Problems;
use crate::policy::document::read;
use crate::policy::document::read::Files;
use crate::policy::document::yaml;
use crate::store::file::read_capped;
use crate::trust::root;

/// Reads one file into its tree.
///
/// # Errors
/// `file-*`; what is wrong with its content is in the inner result.
pub(in crate::commands) fn tree(path: &str) -> Result<Result<Node, Problems>, CommandError> {
    Ok(yaml::parse(&bytes(path)?))
}

fn bytes(path: &str) -> Result<Vec<u8>, CommandError> {
    let cap = u64::try_from(yaml::MAX_BYTES).unwrap_or(u64::MAX);
    read_capped(Path::new(path), cap).map_err(|error| artifacts::file_refused(&error))
}

/// Reads a policy with the files that it names, which lie relative to its folder.
///
/// # Errors
/// `file-*` for the policy itself; everything else is in the inner result, with its place.
pub(in crate::commands) fn policy(path: &str) -> Result<Result<Document, Problems>, CommandError> {
    let (tree, before) = match yaml::parse_leniently(&bytes(path)?) {
        Ok(parsed) => parsed,
        Err(problems) => return Ok(Err(problems)),
    };
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let cap = u64::try_from(root::MAX_BYTES).unwrap_or(u64::MAX);
    let content = |name: &str| {
        let relative = Path::new(name);
        // The same policy must mean the same on another machine.
        if relative.components().any(|part| matches!(part, Component::RootDir | Component::Prefix(_))) {
            return Err("an absolute path".to_owned());
        }
        read_capped(&folder.join(relative), cap).map_err(|error| error.to_string())
    };
    let files: Files = read::references(&tree).into_iter().map(|name| (name.clone(), content(&name))).collect();
    Ok(match read::read(&tree, &files) {
        Ok(document) if before.0.is_empty() => Ok(document),
        Ok(_) => Err(before),
        Err(problems) => Err(before.and(problems)),
    })
}

/// Reads a policy to judge by.
///
/// # Errors
/// `file-*`; the code of the first problem when the file is no policy.
pub(in crate::commands) fn whole(path: &str) -> Result<Document, CommandError> {
    policy(path)?.map_err(|Problems(problems)| {
        let first = problems.first();
        let code = first.map_or("policy-syntax", |problem| problem.code);
        let message = first.map_or_else(String::new, |problem| format!("{path}:{problem}"));
        let hint = match problems.len() {
            0 | 1 => format!("sealmark policy check {path} reads it by itself"),
            many => format!("sealmark policy check {path} shows all {many} problems"),
        };
        CommandError::usage(code, message).hint(hint)
    })
}
