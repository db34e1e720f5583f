//! Dockerfiles and Containerfiles: the images that their stages start from and copy from.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::base;
use crate::generate::dependencies::image;
use crate::generate::dependencies::reading::Reading;

/// Whether a file is one: `Dockerfile`, `Dockerfile.release`, `release.Dockerfile`, and the same with `Containerfile`.
pub(super) fn matches(path: &str) -> bool {
    let name = base(path);
    ["Dockerfile", "Containerfile"].iter().any(|kind| {
        let ending = name.strip_prefix(kind);
        let ending = ending.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        (ending && !name.ends_with(".dockerignore")) || name.ends_with(&format!(".{kind}"))
    })
}

/// What the lines before the first stage and the names of the stages mean to those behind.
#[derive(Default)]
struct State {
    /// Build arguments with the value that stands in the file; `--build-arg` may say otherwise.
    arguments: BTreeMap<String, String>,
    /// Names of stages, lower case.
    stages: BTreeSet<String>,
    /// Stages so far.
    count: usize,
}

/// Reads one. Build arguments count with their default, as the file says it.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    if let Some(frontend) = frontend(text) {
        image::take(reading, "the syntax directive", frontend)?;
    }
    let mut state = State::default();
    for (n, line) in instructions(text) {
        let at = format!("line {n}");
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        match word.to_ascii_uppercase().as_str() {
            "ARG" if state.count == 0 => {
                for one in rest.split_ascii_whitespace() {
                    let (name, value) = one.split_once('=').unwrap_or((one, ""));
                    let value = value.trim_matches(['"', '\'']);
                    let value = substitute(value, &state.arguments).unwrap_or_else(|| value.to_owned());
                    state.arguments.insert(name.to_owned(), value);
                }
            }
            "FROM" => from(reading, &mut state, &at, rest)?,
            "COPY" | "ADD" | "RUN" => {
                for source in sources(rest) {
                    let stage = state.stages.contains(&source.to_lowercase());
                    let number = source.parse().is_ok_and(|number: usize| number < state.count);
                    if !stage && !number {
                        image::take(reading, &at, source)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// `FROM [--platform=…] image [AS stage]`.
fn from(reading: &mut Reading<'_>, state: &mut State, at: &str, rest: &str) -> Result<(), DependencyError> {
    let words: Vec<&str> = rest.split_ascii_whitespace().filter(|word| !word.starts_with("--")).collect();
    let (named, stage) = match words.as_slice() {
        [named] => (*named, None),
        [named, word, stage] if word.eq_ignore_ascii_case("as") => (*named, Some(stage.to_lowercase())),
        _ => return Err(reading.invalid(at, "FROM image, perhaps AS stage", rest)),
    };
    match substitute(named, &state.arguments) {
        None => reading.unresolved(named, Why::Computed)?,
        Some(named) if named == "scratch" || state.stages.contains(&named.to_lowercase()) => {}
        Some(named) => image::take(reading, at, &named)?,
    }
    state.stages.extend(stage);
    state.count += 1;
    Ok(())
}

/// What `--from=` and `from=` of a mount name.
fn sources(rest: &str) -> Vec<&str> {
    let flags = rest.split_ascii_whitespace().take_while(|word| word.starts_with("--"));
    let named = flags.flat_map(|flag| match flag.strip_prefix("--mount=") {
        Some(mount) => mount.split(',').filter_map(|part| part.strip_prefix("from=")).collect::<Vec<_>>(),
        None => flag.strip_prefix("--from=").into_iter().collect(),
    });
    named.filter(|name| !name.is_empty()).collect()
}

/// A text with `$name`, `${name}` and `${name:-default}` replaced; `None` when an argument has no value here.
fn substitute(text: &str, arguments: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let (inner, after) = match behind.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => {
                let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
                behind.split_at(end)
            }
        };
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        let value = arguments.get(name).map(String::as_str).filter(|value| !value.is_empty()).or(default)?;
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    (!out.is_empty()).then_some(out)
}

/// The image that `# syntax=` names, in the comments that open the file.
fn frontend(text: &str) -> Option<&str> {
    let comments = text.lines().map_while(|line| line.trim().strip_prefix('#'));
    let directives = comments.filter_map(|comment| comment.split_once('='));
    directives
        .map(|(key, value)| (key.trim(), value.trim()))
        .find(|(key, _)| key.eq_ignore_ascii_case("syntax"))
        .map(|(_, value)| value)
}

/// The instructions, each with the line where it starts: comments and here-documents left out, continued lines joined.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let escape =
        if text.lines().take(3).any(|line| line.replace(' ', "").to_lowercase() == "#escape=`") { '`' } else { '\\' };
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut documents: Vec<String> = Vec::new();
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
        if let Some(end) = documents.first() {
            if line == end {
                documents.remove(0);
            }
            continue;
        }
        if line.starts_with('#') || (line.is_empty() && open.is_some()) {
            continue;
        }
        let (start, mut joined) = open.take().unwrap_or((n, String::new()));
        match line.strip_suffix(escape) {
            Some(part) => {
                joined.push_str(part);
                joined.push(' ');
                open = Some((start, joined));
            }
            None => {
                joined.push_str(line);
                documents = here_documents(&joined);
                found.push((start, joined));
            }
        }
    }
    found.extend(open);
    found
}

/// The words that end the here-documents of an instruction that may have them.
fn here_documents(line: &str) -> Vec<String> {
    let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if !["RUN", "COPY", "ADD"].contains(&word.as_str()) {
        return Vec::new();
    }
    let marks = line.split_whitespace().filter_map(|word| word.split_once("<<")).map(|(_, mark)| mark);
    let ends = marks.map(|mark| mark.trim_start_matches('-').trim_matches(['"', '\'']));
    ends.filter(|end| end.starts_with(|c: char| c.is_alphabetic() || c == '_')).map(str::to_owned).collect()
}
