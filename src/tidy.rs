//! House rules that cargo cannot enforce inside one package.
//!
//! The rules are functions over names and texts, so that each can be shown to refuse something. `house_is_tidy` runs
//! them over the package and prints every offence at once, as `file:line: rule`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A module may name only modules of a strictly lower rank, and itself.
const RANKS: &[(&str, u8)] = &[
    ("formats", 0),
    ("trust", 1),
    ("generate", 1),
    ("verify", 2),
    ("remote", 2),
    ("workspace", 2),
    ("builders", 3),
    ("sign", 3),
    ("store", 3),
    ("monitor", 3),
    ("upgrade", 3),
    ("policy", 4),
    ("report", 5),
    ("cache", 6),
    ("assess", 7),
    ("attest", 7),
    ("gate", 8),
    ("commands", 9),
];
/// They wire the ranks together, or are tests.
const UNRANKED: &[&str] = &["lib", "main", "tidy"];
/// Modules that decide: no files, network, clock, environment or output.
const PURE: &[&str] = &["formats", "trust", "generate", "verify", "builders", "policy", "report"];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::{",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "tokio",
    "reqwest",
    "git2",
    "println",
    "print!",
];
/// Words that have a home, and where that is, below `src/`.
const WORD_HOMES: &[(&str, &[&str])] = &[
    ("std::env", &["commands/", "main.rs"]),
    ("std::process", &["commands/", "main.rs"]),
    ("std::net", &[]),
    ("std::fs", &["store/", "workspace/", "commands/"]),
    ("SystemTime", &["store/hash.rs"]),
    ("Timestamp::now", &["commands/"]),
    ("println!", &["commands/"]),
    ("eprintln!", &["commands/"]),
    ("print!", &["commands/"]),
    ("eprint!", &["commands/"]),
    // What binds by text is a summary; everything else is bound by digests that bind.
    ("Artifact::by_text", &["commands/verify_vsa.rs"]),
];
const ANYWHERE: &[&str] = &[""];
/// Every dependency by its name in code, and the files below `src/` that may name it.
const CRATE_HOMES: &[(&str, &[&str])] = &[
    (
        "aws_lc_rs",
        &["trust/key.rs", "sign/key.rs", "sign/keyless.rs", "sign/encrypted.rs", "store/hash.rs", "store/oci/"],
    ),
    ("base64", &["formats/base64.rs", "sign/"]),
    ("cel", &["policy/document/"]),
    ("clap", &["commands/"]),
    ("clap_complete", &["commands/completions.rs"]),
    (
        "const_oid",
        &["formats/certificate.rs", "remote/timestamp.rs", "trust/key.rs", "verify/certificate.rs", "verify/token.rs"],
    ),
    ("crypto_secretbox", &["sign/encrypted.rs"]),
    (
        "der",
        &[
            "formats/certificate.rs",
            "formats/log_entry.rs",
            "remote/timestamp.rs",
            "trust/",
            "sign/key.rs",
            "verify/token.rs",
        ],
    ),
    ("flate2", &["store/subjects/npm.rs"]),
    ("git2", &["workspace/"]),
    ("glob", &["store/subjects/"]),
    ("hex", ANYWHERE),
    ("indicatif", &["commands/"]),
    ("jiff", ANYWHERE),
    ("jsonschema", &["generate/validate.rs"]),
    ("libc", &["store/file.rs"]),
    ("memchr", &["formats/json/passing.rs"]),
    ("regex", &["policy/", "generate/redact.rs", "generate/redact/"]),
    ("reqwest", &["remote/"]),
    ("rpassword", &["commands/"]),
    ("rustls_pki_types", &["trust/root.rs", "verify/certificate.rs"]),
    ("saphyr_parser", &["policy/document/", "generate/dependencies/yaml.rs", "formats/image_list/"]),
    ("schemars", &["formats/", "generate/", "report/", "policy/"]),
    ("scrypt", &["sign/encrypted.rs"]),
    ("serde", ANYWHERE),
    ("serde_json", ANYWHERE),
    ("sigstore_merkle", &["verify/log.rs"]),
    ("sigstore_trust_root", &["trust/embedded.rs", "trust/root.rs", "trust/signing_config.rs"]),
    ("sigstore_tsa", &["verify/time.rs"]),
    ("sigstore_types", &["trust/root.rs", "verify/log.rs", "verify/time.rs"]),
    ("tar", &["store/subjects/npm.rs", "store/oci/archive.rs"]),
    ("tempfile", &["store/file.rs", "store/spool.rs", "commands/demo.rs"]),
    ("thiserror", ANYWHERE),
    ("toml", &["generate/dependencies/"]),
    ("webpki", &["trust/root.rs", "verify/certificate.rs"]),
    ("x509_cert", &["formats/certificate.rs", "trust/", "sign/key.rs"]),
    ("zeroize", &["remote/fulcio.rs", "remote/token.rs", "sign/", "commands/"]),
];
/// Packages whose library has another name.
const LIBRARY_NAMES: &[(&str, &str)] = &[("rustls_webpki", "webpki")];
/// The functions that make a value which says "believed", and the one file that may call each, once.
const SEALS: &[(&str, &str)] =
    &[("VerifiedAttestation::seal(", "src/verify/verified.rs"), ("Authenticated::new(", "src/verify/mod.rs")];
/// Codes that two enums share, because they mean one thing.
const SHARED_CODES: &[&str] = &["predicate-invalid", "predicate-field-missing", "subject-conflict"];
/// Most lines of a file before its tests.
const MAX_LINES: usize = 500;
/// First components of what a document means as a path of this package.
const ROOTS: &[&str] =
    &["src", "tests", "benches", "fuzz", "schemas", "testdata", "docs", ".ci", ".github", "Cargo.toml", "README.md"];

/// A file of the package: its path from the package's root, with `/`, and its text.
struct Source {
    name: String,
    text: String,
}

/// A broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offence {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// What [`Source::without`] blanks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blank {
    Comments,
    CommentsAndStrings,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    fn offence(&self, line: usize, rule: impl Into<String>) -> Offence {
        Offence { file: self.name.clone(), line, rule: rule.into() }
    }

    /// The path below `src/`.
    fn below_src(&self) -> &str {
        self.name.strip_prefix("src/").unwrap_or(&self.name)
    }

    /// The module right below the crate.
    fn module(&self) -> &str {
        let first = self.below_src().split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs")
    }

    /// The text before the tests.
    fn production(&self) -> &str {
        let cut = self.text.find("#[cfg(test)]\nmod tests").unwrap_or(self.text.len());
        &self.text[..cut]
    }

    /// The production text with comments, or comments and what stands in string literals, replaced by spaces. Lines stay
    /// where they are.
    fn without(&self, blank: Blank) -> String {
        let text: Vec<char> = self.production().chars().collect();
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let end = token_end(&text, at);
            let token = &text[at..end];
            let comment = token.starts_with(&['/', '/']) || token.starts_with(&['/', '*']);
            let string = token.len() > 1 && token.last() != Some(&'\'') && token.contains(&'"') && !comment;
            let gone = comment || (string && blank == Blank::CommentsAndStrings);
            out.extend(token.iter().map(|c| if gone && *c != '\n' { ' ' } else { *c }));
            at = end;
        }
        out
    }
}

/// Where the token that starts at `at` ends: a comment, a string or character literal, a word, or one character.
fn token_end(text: &[char], at: usize) -> usize {
    let rest = &text[at..];
    let until = |found: Option<usize>| found.map_or(text.len(), |n| at + n);
    let word = |c: char| c.is_alphanumeric() || c == '_';
    match rest {
        ['/', '/', ..] => until(rest.iter().position(|c| *c == '\n')),
        ['/', '*', ..] => until(rest.windows(2).skip(2).position(|two| two == ['*', '/']).map(|n| n + 4)),
        ['r', '"' | '#', ..] | ['b', 'r', '"' | '#', ..] => {
            let hashes = rest.iter().skip_while(|c| **c != '#' && **c != '"').take_while(|c| **c == '#').count();
            let Some(open) = rest.iter().position(|c| *c == '"').filter(|n| *n <= hashes + 2) else { return at + 1 };
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let body = &rest[open + 1..];
            until(body.windows(close.len()).position(|end| end == close).map(|n| open + 1 + n + close.len()))
        }
        ['"', ..] => {
            let mut n = 1;
            while n < rest.len() && rest[n] != '"' {
                n += if rest[n] == '\\' { 2 } else { 1 };
            }
            (at + n + 1).min(text.len())
        }
        ['\'', '\\', _, tail @ ..] => until(tail.iter().position(|c| *c == '\'').map(|n| n + 4)),
        ['\'', _, '\'', ..] => at + 3,
        [first, ..] if word(*first) => until(rest.iter().position(|c| !word(*c))),
        _ => at + 1,
    }
}

/// Where `word` stands in `line` as a word of its own, in bytes.
fn places(line: &str, word: &str) -> Vec<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let open = word.starts_with(|c: char| part(Some(c)));
    let shut = word.ends_with(|c: char| part(Some(c)));
    let found = line.match_indices(word).map(|(at, _)| at);
    found
        .filter(|at| !(open && part(line[..*at].chars().next_back())))
        .filter(|at| !(shut && part(line[at + word.len()..].chars().next())))
        .collect()
}

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(n, line)| (n + 1, line))
}

/// Each file opens with one sentence that says what it is for.
fn header(source: &Source) -> Vec<Offence> {
    let first: Vec<_> = source.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let first = first.join(" ");
    if first.is_empty() {
        return vec![source.offence(1, "expected the file's purpose in one sentence after `//! `")];
    }
    if !first.ends_with('.') || first.contains(". ") {
        return vec![source.offence(1, "expected one sentence after `//! `, with its full stop")];
    }
    Vec::new()
}

fn length(source: &Source) -> Vec<Offence> {
    let found = source.production().lines().count();
    if found <= MAX_LINES {
        return Vec::new();
    }
    vec![source.offence(MAX_LINES + 1, format!("expected at most {MAX_LINES} lines before the tests, found {found}"))]
}

/// Who may import whom, and that every import can be read by this rule.
fn imports(source: &Source) -> Vec<Offence> {
    let module = source.module();
    if UNRANKED.contains(&module) {
        return Vec::new();
    }
    let Some(mine) = rank(module) else { return vec![source.offence(1, format!("module {module} has no rank"))] };
    let top = source.below_src().split('/').count() == 1 || source.below_src() == format!("{module}/mod.rs");
    let mut offences = Vec::new();
    for (n, line) in lines(&source.without(Blank::CommentsAndStrings)) {
        for at in places(line, "crate::") {
            let path: String = line[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if path != module && rank(&path).is_none_or(|other| other >= mine) {
                offences.push(source.offence(n, format!("{module} (rank {mine}) may not import {path:?}")));
            }
        }
        let import = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
        let import = import.trim_start_matches("pub ");
        let of_ours = import.strip_prefix("use ").is_some_and(|path| path.starts_with("crate::"));
        if of_ours && (!import.trim_end().ends_with(';') || import.contains(['{', '*', ','])) {
            offences.push(source.offence(n, "expected one `use crate::` path to a line, without braces or `*`"));
        }
        if line.contains("super::super::") {
            offences.push(source.offence(n, "expected a path from `crate::`, found `super::super::`"));
        }
        if top && !places(line, "super::").is_empty() {
            offences.push(source.offence(n, "expected a path from `crate::`, found `super::` that leaves the module"));
        }
    }
    offences
}

/// Modules that decide touch nothing.
fn purity(source: &Source) -> Vec<Offence> {
    if !PURE.contains(&source.module()) {
        return Vec::new();
    }
    let mut offences = Vec::new();
    for (n, line) in lines(&source.without(Blank::CommentsAndStrings)) {
        for word in IMPURE.iter().filter(|word| !places(line, word).is_empty()) {
            offences.push(source.offence(n, format!("{} is pure, found `{word}`", source.module())));
        }
    }
    offences
}

/// Foreign crates, the clock, files, the environment and output are named where they are at home.
fn homes(source: &Source) -> Vec<Offence> {
    let file = source.below_src();
    let mut offences = Vec::new();
    let at_home = |homes: &[&str]| homes.iter().any(|home| file.starts_with(home));
    let text = source.without(Blank::CommentsAndStrings);
    for (n, line) in lines(&text) {
        for (word, homes) in WORD_HOMES.iter().filter(|(_, homes)| !at_home(homes)) {
            if !places(line, word).is_empty() {
                offences.push(source.offence(n, format!("`{word}` is at home in {homes:?} only")));
            }
        }
        for (name, homes) in CRATE_HOMES.iter().filter(|(_, homes)| !at_home(homes)) {
            let ours = |at: usize| line[..at].ends_with("::") || text.contains(&format!("::{name};"));
            let named = |at: usize| line[at + name.len()..].starts_with("::") || line[..at].trim_end().ends_with("use");
            if places(line, name).into_iter().any(|at| named(at) && !ours(at)) {
                offences.push(source.offence(n, format!("crate `{name}` is at home in {homes:?} only")));
            }
        }
    }
    offences
}

/// Every dependency has a row in [`CRATE_HOMES`], and every row is one.
fn dependencies(manifest: &Source) -> Vec<Offence> {
    let mut offences = Vec::new();
    let mut rows: BTreeSet<&str> = CRATE_HOMES.iter().map(|(name, _)| *name).collect();
    let section = lines(&manifest.text).skip_while(|(_, line)| *line != "[dependencies]").skip(1);
    for (n, line) in section.take_while(|(_, line)| !line.starts_with('[')) {
        let Some((package, _)) = line.split_once(" = ") else { continue };
        let name = package.replace('-', "_");
        let name = LIBRARY_NAMES.iter().find(|(package, _)| *package == name).map_or(name.as_str(), |(_, name)| name);
        if !rows.remove(name) {
            offences.push(manifest.offence(n, format!("dependency {package} has no row in CRATE_HOMES")));
        }
    }
    offences.extend(rows.iter().map(|row| manifest.offence(1, format!("CRATE_HOMES names {row}, no dependency"))));
    offences
}

/// Exactly one place makes a value that says "believed".
fn seals(sources: &[Source]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (call, home) in SEALS {
        let mut calls = Vec::new();
        for source in sources {
            for (n, line) in lines(&source.without(Blank::CommentsAndStrings)) {
                calls.extend(places(line, call).iter().map(|_| (source, n)));
            }
        }
        let rule = |found: usize| format!("expected one call of `{call})`, in {home}; found {found} in all");
        match calls.as_slice() {
            [(source, _)] if source.name == *home => {}
            [] => offences.push(Offence { file: (*home).to_owned(), line: 1, rule: rule(0) }),
            many => offences.extend(many.iter().map(|(source, n)| source.offence(*n, rule(many.len())))),
        }
    }
    offences
}

/// Every code that the program can show, and where it is written: the literals of each `fn code`, of each `CODES` list,
/// and the first argument of each `CommandError`.
fn codes(source: &Source) -> Vec<(usize, String)> {
    let text = source.without(Blank::Comments);
    let mut found = Vec::new();
    for (start, end) in [("fn code(&self) -> &'static str {", "\n    }\n"), ("CODES: &[&str] = &[", "];")] {
        for (at, _) in text.match_indices(start) {
            let body = &text[at..at + text[at..].find(end).unwrap_or(text.len() - at)];
            found.extend(literals(body).into_iter().map(|(offset, code)| (line_of(&text, at + offset), code)));
        }
    }
    for call in ["CommandError::usage(", "CommandError::undecided(", "CommandError::denied("] {
        for (at, _) in text.match_indices(call) {
            let argument = text[at + call.len()..].trim_start();
            if argument.starts_with('"') {
                found.extend(literals(argument).into_iter().take(1).map(|(_, code)| (line_of(&text, at), code)));
            }
        }
    }
    found
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

fn literals(text: &str) -> Vec<(usize, String)> {
    let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
    quotes.chunks_exact(2).map(|pair| (pair[0], text[pair[0] + 1..pair[1]].to_owned())).collect()
}

fn is_kebab(code: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    code.starts_with(|c: char| c.is_ascii_lowercase()) && code.split('-').all(word)
}

/// Codes are kebab-case, each stands for one thing, each has a heading in `errors`, and no heading is for nothing.
fn documented(sources: &[Source], errors: &Source) -> Vec<Offence> {
    let mut offences = Vec::new();
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let headings: BTreeMap<&str, usize> =
        lines(&errors.text).filter_map(|(n, line)| Some((line.strip_prefix("### ")?.trim_matches('`'), n))).collect();
    for source in sources {
        for (n, code) in codes(source) {
            let files = known.entry(code.clone()).or_default();
            let by_command = source.module() == "commands";
            if !by_command && !files.is_empty() && !SHARED_CODES.contains(&code.as_str()) {
                offences.push(source.offence(n, format!("code {code} stands for something in {} already", files[0])));
            }
            if !by_command {
                files.push(source.name.clone());
            }
            if !is_kebab(&code) {
                offences.push(source.offence(n, format!("code {code:?} is no kebab-case word")));
            }
            if !headings.contains_key(code.as_str()) {
                offences.push(source.offence(n, format!("code {code} has no heading in {}", errors.name)));
            }
        }
    }
    for (heading, n) in headings {
        if !known.contains_key(heading) {
            offences.push(errors.offence(n, format!("there is no code {heading}")));
        }
    }
    offences
}

/// Each code of a verification step or a policy check is named in `checks`, and what it says is refused with exists.
fn checks_documented(sources: &[Source], checks: &Source) -> Vec<Offence> {
    let all: BTreeSet<String> = sources.iter().flat_map(codes).map(|(_, code)| code).collect();
    let mut named = BTreeSet::new();
    let mut offences = Vec::new();
    for (n, line) in lines(&checks.text).filter(|(_, line)| line.starts_with("Refuses with ")) {
        for code in spans(line) {
            if !all.contains(code) {
                offences.push(checks.offence(n, format!("there is no code {code}")));
            }
            named.insert(code);
        }
    }
    for source in sources.iter().filter(|source| ["verify", "policy"].contains(&source.module())) {
        for (n, code) in codes(source).into_iter().filter(|(_, code)| !code.starts_with("policy-")) {
            if !named.contains(code.as_str()) {
                offences.push(source.offence(n, format!("code {code} is not in {}", checks.name)));
            }
        }
    }
    offences
}

/// What stands in backticks on one line.
fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Paths that a document names, with whether each is a link (from the document's folder) or a name (from the root).
fn paths(document: &Source) -> Vec<(usize, bool, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (n, line) in lines(&document.text) {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for target in line.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let path = target.0.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains(':') {
                found.push((n, true, path.to_owned()));
            }
        }
        for span in spans(line) {
            let first = span.split('/').next().unwrap_or_default();
            let ours = ROOTS.contains(&first) && (span.contains('/') || first.contains('.'));
            if ours && !span.contains([' ', '*', '<', '…', ':', '{', '(']) {
                found.push((n, false, span.to_owned()));
            }
        }
    }
    found
}

/// Every path that a document names exists.
fn paths_exist(document: &Source, exists: impl Fn(&str) -> bool) -> Vec<Offence> {
    let folder = document.name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let missing = paths(document).into_iter().filter(|(_, link, path)| {
        let full = if *link { resolved(folder, path) } else { path.trim_end_matches('/').to_owned() };
        !exists(&full)
    });
    missing.map(|(n, _, path)| document.offence(n, format!("there is no {path}"))).collect()
}

fn resolved(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> Source {
    let text = fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Source::new(name, &text)
}

/// Every file below a folder with this ending, by name.
fn walk(folder: &str, ending: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(walk(&name, ending));
        } else if name.ends_with(ending) {
            found.push(read(&name));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Whether a file is compiled for tests alone.
fn is_test(source: &Source) -> bool {
    source.module() == "tidy" || source.name.ends_with("/tests.rs") || source.name.contains("/tests/")
}

#[test]
fn house_is_tidy() {
    let all = walk("src", ".rs");
    let mut offences: Vec<Offence> = all.iter().flat_map(header).collect();
    let sources: Vec<Source> = all.into_iter().filter(|source| !is_test(source)).collect();
    for rule in [length, imports, purity, homes] {
        offences.extend(sources.iter().flat_map(rule));
    }
    offences.extend(seals(&sources));
    offences.extend(dependencies(&read("Cargo.toml")));
    offences.extend(documented(&sources, &read("docs/errors.md")));
    offences.extend(checks_documented(&sources, &read("docs/checks.md")));
    let mut documents = walk("docs", ".md");
    documents.extend(walk(".github", ".md"));
    documents.extend(Path::new(&root().join("README.md")).exists().then(|| read("README.md")));
    let exists = |path: &str| root().join(path).exists();
    offences.extend(documents.iter().flat_map(|document| paths_exist(document, exists)));
    offences.sort();
    let list: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(list.is_empty(), "\n{}\n", list.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines at which a rule refuses a text.
    fn refused(rule: fn(&Source) -> Vec<Offence>, name: &str, text: &str) -> Vec<usize> {
        rule(&Source::new(name, text)).iter().map(|offence| offence.line).collect()
    }

    #[test]
    fn comments_strings_and_tests_are_no_code() {
        let text = "a(\"x // \\\" y\"); // std::fs\nlet q = '\"'; b /* std::env\n */ c r#\"std\"::net\"# 'a\n#[cfg(test)]\nmod tests {";
        let code = Source::new("src/a.rs", text).without(Blank::CommentsAndStrings);
        let words: Vec<_> = code.split_whitespace().collect();
        assert_eq!(words, ["a(", ");", "let", "q", "=", "'\"';", "b", "c", "'a"]);
        assert_eq!(code.lines().count(), 3);
        assert!(Source::new("src/a.rs", text).without(Blank::Comments).contains("x // \\\" y"));
    }

    #[test]
    fn a_file_says_in_one_sentence_what_it_is_for() {
        for text in
            ["", "use x;", "//! \n", "//! No full stop\n", "//! One. Two.\n", "//! One.\n//! Two.\n", "/// Item.\n"]
        {
            assert_eq!(refused(header, "src/policy/a.rs", text), [1], "{text:?}");
        }
        for text in ["//! Purpose.\n", "//! A purpose that needs\n//! two lines.\n//!\n//! More. And more.\n"] {
            assert_eq!(refused(header, "src/policy/a.rs", text), [0; 0], "{text:?}");
        }
    }

    #[test]
    fn files_are_short() {
        let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"\n".repeat(900);
        assert_eq!(refused(length, "src/policy/a.rs", &("\n".repeat(MAX_LINES) + &tests)), [0; 0]);
        assert_eq!(refused(length, "src/policy/a.rs", &("\n".repeat(MAX_LINES + 1) + &tests)), [MAX_LINES + 1]);
    }

    #[test]
    fn imports_lead_down() {
        let accepted =
            "use crate::formats::json;\npub use crate::verify::error::Step;\n// crate::gate\nlet s = \"crate::gate\";";
        assert_eq!(refused(imports, "src/verify/a.rs", accepted), [0; 0]);
        for (name, text) in [
            ("src/verify/a.rs", "use crate::policy::judge;"),
            ("src/verify/a.rs", "use crate::remote::Http;"),
            ("src/verify/a.rs", "fn f() { crate::commands::run() }"),
            ("src/verify/a.rs", "use crate::helpers::f;"),
            ("src/helpers/a.rs", "use crate::formats::json;"),
            ("src/formats/a.rs", "use crate::trust::key::sha256;"),
        ] {
            assert_eq!(refused(imports, name, text), [1], "{name} {text}");
        }
        assert_eq!(refused(imports, "src/main.rs", "use crate::commands::run;"), [0; 0]);
    }

    #[test]
    fn imports_can_be_read() {
        for text in [
            "use crate::formats::{json, base64};",
            "use crate::formats::{\n    json,\n};",
            "pub(super) use crate::formats::*;",
            "use crate::formats::\n    json;",
            "use super::super::formats::json;",
        ] {
            assert_eq!(refused(imports, "src/verify/a.rs", text), [1], "{text}");
        }
        assert_eq!(refused(imports, "src/assess.rs", "use super::commands::run;"), [1]);
        assert_eq!(refused(imports, "src/verify/mod.rs", "super::gate::serve();"), [1]);
        assert_eq!(refused(imports, "src/verify/a.rs", "use super::error::Step;"), [0; 0]);
    }

    #[test]
    fn what_decides_touches_nothing() {
        for word in IMPURE {
            let text = format!("\nlet x = {word};");
            assert_eq!(refused(purity, "src/policy/a.rs", &text), [2], "{word}");
            assert_eq!(refused(purity, "src/store/a.rs", &text), [0; 0], "{word}");
        }
        assert_eq!(refused(purity, "src/verify/a.rs", "use std::{fs, io};"), [1]);
        assert_eq!(refused(purity, "src/verify/a.rs", "eprintln!(\"x\");"), [0; 0]);
        assert_eq!(refused(purity, "src/verify/a.rs", "/// println\nfn reprint_git2_free() {}"), [0; 0]);
    }

    #[test]
    fn crates_and_words_stay_at_home() {
        for (name, text) in [
            ("src/store/a.rs", "use clap::Parser;"),
            ("src/store/a.rs", "let x = clap::crate_name!();"),
            ("src/generate/a.rs", "use git2;"),
            ("src/store/a.rs", "std::env::var(\"HOME\")"),
            ("src/verify/a.rs", "eprintln!(\"x\");"),
            ("src/assess.rs", "jiff::Timestamp::now()"),
            ("src/verify/a.rs", "use base64::engine;"),
        ] {
            assert_eq!(refused(homes, name, text), [1], "{name} {text}");
        }
        for (name, text) in [
            ("src/commands/a.rs", "use clap::Parser;\nprintln!(\"x\");\nstd::env::args();"),
            ("src/verify/a.rs", "use crate::formats::base64;\nbase64::encode(b);"),
            ("src/verify/a.rs", "let der = certificate.der();\ntrust::der::read();"),
        ] {
            assert_eq!(refused(homes, name, text), [0; 0], "{name} {text}");
        }
    }

    #[test]
    fn every_dependency_has_a_home() {
        let packages: Vec<String> = CRATE_HOMES
            .iter()
            .map(|(name, _)| {
                let name =
                    LIBRARY_NAMES.iter().find(|(_, library)| library == name).map_or(*name, |(package, _)| package);
                format!("{} = \"1\"", name.replace('_', "-"))
            })
            .collect();
        let with =
            |packages: &[String]| format!("[package]\n[dependencies]\n{}\n[lints]\nx = 1\n", packages.join("\n"));
        assert_eq!(refused(dependencies, "Cargo.toml", &with(&packages)), [0; 0]);
        assert_eq!(refused(dependencies, "Cargo.toml", &with(&packages[1..])), [1]);
        let more: Vec<String> = std::iter::once("leftpad = \"1\"".to_owned()).chain(packages).collect();
        assert_eq!(refused(dependencies, "Cargo.toml", &with(&more)), [3]);
    }

    #[test]
    fn belief_has_one_source() {
        let sealed =
            Source::new("src/verify/verified.rs", "// VerifiedAttestation::seal(\nVerifiedAttestation::seal(a)");
        let made = Source::new("src/verify/mod.rs", "Authenticated::new(b)");
        let count = |sources: &[Source]| seals(sources).len();
        assert_eq!(count(&[sealed, made]), 0);
        let sealed = || Source::new("src/verify/verified.rs", "VerifiedAttestation::seal(a)");
        let made = || Source::new("src/verify/mod.rs", "Authenticated::new(b)");
        assert_eq!(count(&[sealed()]), 1);
        assert_eq!(count(&[made()]), 1);
        assert_eq!(count(&[sealed(), made(), Source::new("src/cache.rs", "Authenticated::new(b)")]), 2);
        assert_eq!(count(&[made(), Source::new("src/cache.rs", "VerifiedAttestation::seal(b)")]), 1);
    }

    const ENUM: &str = "    pub fn code(&self) -> &'static str {\n        match self {\n            Self::A => \"a-b\",\n            // \"gone\"\n            Self::B if x => \"c\",\n        }\n    }\n\n    fn f() { \"no code\" }\n";

    #[test]
    fn codes_are_found() {
        let found = |name: &str, text: &str| codes(&Source::new(name, text));
        assert_eq!(found("src/sign/a.rs", ENUM), [(3, "a-b".to_owned()), (5, "c".to_owned())]);
        let list = "pub(super) const CODES: &[&str] = &[\n    \"d-e\",\n];\n";
        assert_eq!(found("src/policy/a.rs", list), [(2, "d-e".to_owned())]);
        let call = "CommandError::usage(\n    \"f-g\", \"text\")\nCommandError::undecided(error.code(), \"h\")";
        assert_eq!(found("src/commands/a.rs", call), [(1, "f-g".to_owned())]);
    }

    #[test]
    fn codes_are_documented_once() {
        let run = |texts: &[(&str, &str)], errors: &str| {
            let sources: Vec<Source> = texts.iter().map(|(name, text)| Source::new(name, text)).collect();
            documented(&sources, &Source::new("docs/errors.md", errors))
                .iter()
                .map(Offence::to_string)
                .collect::<Vec<_>>()
        };
        let errors = "## Group\n### a-b\n### `c`\n";
        assert_eq!(run(&[("src/sign/a.rs", ENUM)], errors), [""; 0]);
        assert_eq!(
            run(&[("src/sign/a.rs", ENUM)], "### a-b\n"),
            ["src/sign/a.rs:5: code c has no heading in docs/errors.md"]
        );
        let stale = errors.to_owned() + "### old-code\n";
        assert_eq!(run(&[("src/sign/a.rs", ENUM)], &stale), ["docs/errors.md:4: there is no code old-code"]);
        assert_eq!(run(&[("src/sign/a.rs", ENUM), ("src/store/a.rs", ENUM)], errors).len(), 2);
        assert_eq!(
            run(&[("src/sign/a.rs", ENUM), ("src/commands/a.rs", "CommandError::usage(\"c\", x)")], errors),
            [""; 0]
        );
        let odd = ENUM.replace("a-b", "A_b");
        assert_eq!(
            run(&[("src/sign/a.rs", &odd)], "### A_b\n### c\n"),
            ["src/sign/a.rs:3: code \"A_b\" is no kebab-case word"]
        );
    }

    #[test]
    fn checks_name_every_refusal() {
        let run = |module: &str, checks: &str| {
            let source = Source::new(&format!("src/{module}/a.rs"), ENUM);
            checks_documented(&[source], &Source::new("docs/checks.md", checks)).len()
        };
        assert_eq!(run("verify", "Refuses with `a-b`, `c`.\n"), 0);
        assert_eq!(run("verify", "Refuses with `a-b`.\nSee `c`.\n"), 1);
        assert_eq!(run("verify", "Refuses with `a-b`, `c`, `d`.\n"), 1);
        assert_eq!(run("store", ""), 0);
    }

    #[test]
    fn documents_name_what_exists() {
        let text = "`src/a.rs` `src/gone.rs`\n[x](../b.md#part) [y](gone.md) [z](https://x/y)\n```\n`src/no.rs`\n```\n`src/` `acme/app` `docs/<id>.md` `Cargo.toml` `src/**`\n";
        let exists = |path: &str| ["src/a.rs", "src", "b.md", "Cargo.toml"].contains(&path);
        let offences = paths_exist(&Source::new("docs/d.md", text), exists);
        let found: Vec<_> = offences.iter().map(|offence| (offence.line, offence.rule.as_str())).collect();
        assert_eq!(found, [(1, "there is no src/gone.rs"), (2, "there is no gone.md")]);
    }

    /// What the reader of sources finds is what the program says; a new enum with samples is one line here.
    #[test]
    fn samples_have_the_codes_that_are_read() {
        let said: Vec<Vec<&'static str>> = vec![
            crate::formats::FormatError::samples().iter().map(crate::formats::FormatError::code).collect(),
            crate::trust::TrustError::samples().iter().map(crate::trust::TrustError::code).collect(),
            crate::verify::VerifyError::samples().iter().map(crate::verify::VerifyError::code).collect(),
            crate::builders::BuilderError::samples().iter().map(crate::builders::BuilderError::code).collect(),
            crate::policy::PolicyError::samples().iter().map(crate::policy::PolicyError::code).collect(),
            crate::policy::FINDING_CODES.to_vec(),
            crate::policy::VSA_FINDING_CODES.to_vec(),
            crate::policy::VsaExpectError::samples().iter().map(crate::policy::VsaExpectError::code).collect(),
            crate::policy::document::FINDING_CODES.concat(),
            crate::policy::document::problem::CODES.to_vec(),
            crate::policy::document::lint::CODES.to_vec(),
        ];
        let written: BTreeSet<String> = walk("src", ".rs").iter().flat_map(codes).map(|(_, code)| code).collect();
        for codes in said {
            let distinct: BTreeSet<_> = codes.iter().copied().collect();
            assert_eq!(distinct.len(), codes.len(), "a code twice in {codes:?}");
            assert!(codes.iter().all(|code| written.contains(*code)), "unread codes in {codes:?}");
        }
    }
}
