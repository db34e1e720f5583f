//! The shapes that issuers give their secrets, found in linear time.

use std::sync::LazyLock;

use regex::Captures;
use regex::Regex;
use regex::RegexBuilder;
use regex::RegexSet;
use regex::RegexSetBuilder;

use crate::formats::base64;
use crate::generate::GenerateError;
use crate::generate::redact::MASKED;
use crate::generate::redact::words::looks_secret;

/// Largest compiled pattern, in bytes (16 MiB).
const MAX_COMPILED: usize = 16 << 20;
/// Shortest text that is taken for random, in characters.
const MIN_RANDOM: usize = 12;
/// Longest text whose randomness is looked at, in characters; what is longer is no password.
const MAX_RANDOM: usize = 4096;
/// Least Shannon entropy of a text that is taken for random, in bits for each character. Words of a language have less in
/// so few characters, or no digits among them.
const MIN_ENTROPY: f64 = 3.0;

/// What a match must also be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    /// Nothing: the shape alone is proof.
    Nothing,
    /// The part named `v` is no placeholder.
    Real,
    /// The part named `v` is dense: it holds small letters, capitals and digits, or much hexadecimal.
    Dense,
    /// The part named `v` is base64 of a name, a colon and a password.
    Basic,
    /// The part named `v` is random, and that named `k` names a secret.
    Assigned,
}

/// Kind for people, pattern, what a match must also be.
const SHAPES: &[(&str, &str, Also)] = &[
    ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{36}", Also::Nothing),
    ("a GitHub token", r"github_pat_[A-Za-z0-9_]{22}", Also::Nothing),
    ("a GitLab token", r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_-]{20}", Also::Nothing),
    ("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", Also::Nothing),
    ("a Google API key", r"AIza[A-Za-z0-9_-]{35}", Also::Nothing),
    ("a Google OAuth token", r"\bya29\.[A-Za-z0-9_-]{20}", Also::Nothing),
    ("a Google OAuth client secret", r"GOCSPX-[A-Za-z0-9_-]{28}", Also::Nothing),
    ("a Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10}", Also::Nothing),
    ("a Slack token", r"xapp-[0-9]-[A-Za-z0-9-]{10}", Also::Nothing),
    ("a Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20}", Also::Nothing),
    ("a Discord webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]{16,}/[A-Za-z0-9_-]{40}", Also::Nothing),
    ("an npm token", r"npm_[A-Za-z0-9]{36}", Also::Nothing),
    ("a PyPI token", r"pypi-AgE[A-Za-z0-9_-]{40}", Also::Nothing),
    ("a Cargo token", r"\bcio(?P<v>[A-Za-z0-9]{32})\b", Also::Dense),
    ("a RubyGems token", r"rubygems_[a-f0-9]{48}", Also::Nothing),
    ("a NuGet token", r"\boy2[a-z0-9]{43}\b", Also::Nothing),
    ("a Docker token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20}", Also::Nothing),
    ("a Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{10}", Also::Nothing),
    ("a Stripe key", r"\bwhsec_[A-Za-z0-9+/]{24}", Also::Nothing),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", Also::Nothing),
    ("a Twilio key", r"\bSK[0-9a-f]{32}\b", Also::Nothing),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}", Also::Nothing),
    ("a Vault token", r"\bhv[sbr]\.[A-Za-z0-9_-]{24}", Also::Nothing),
    ("a Terraform token", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60}", Also::Nothing),
    ("a Hugging Face token", r"\bhf_[A-Za-z]{34}", Also::Nothing),
    ("an OpenAI key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{16,}T3BlbkFJ", Also::Nothing),
    ("an Anthropic key", r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{20}", Also::Nothing),
    ("a Buildkite token", r"\bbk(?:ua|at|ct)_[A-Za-z0-9]{32}", Also::Nothing),
    ("a CircleCI token", r"\bCCIP(?:AT|RJ)_[A-Za-z0-9_]{20}", Also::Nothing),
    ("an Atlassian token", r"\bAT(?:ATT3x|CTT3x|BB)[A-Za-z0-9_=-]{24}", Also::Nothing),
    ("a JFrog token", r"\bAKCp[A-Za-z0-9]{60}", Also::Nothing),
    ("a Databricks token", r"\bdapi[a-f0-9]{32}", Also::Nothing),
    ("a Grafana token", r"\bglsa_[A-Za-z0-9]{32}_", Also::Nothing),
    ("a Shopify token", r"\bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}", Also::Nothing),
    ("a Telegram token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", Also::Nothing),
    ("a private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY", Also::Nothing),
    ("a private key", r"PuTTY-User-Key-File-", Also::Nothing),
    ("a private key", r"minisign (?:encrypted )?secret key", Also::Nothing),
    // The same in base64: "-----BEGIN " and then PRIVATE, RSA, EC, DSA, OPENSSH, ENCRYPTED or PGP PRIVATE.
    (
        "a private key in base64",
        r"LS0tLS1CRUdJTi(?:BQUklWQVRFIE|BSU0EgUFJJVkFURS|BFQyBQUklWQVRF|BEU0EgUFJJVkFURS|BPUEVOU1NI|BFTkNSWVBURU|BQR1AgUFJJVkFURS)",
        Also::Nothing,
    ),
    ("an age key", r"AGE-SECRET-KEY-1[0-9A-Z]{40}", Also::Nothing),
    ("a signed token (JWT)", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16}", Also::Nothing),
    ("a signed URL of Azure", r"(?i)[?&;]sig=[A-Za-z0-9%+/_-]{32}", Also::Nothing),
    ("a key of Azure", r"(?i)\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40}", Also::Nothing),
    ("a signed URL", r"(?i)[?&]X-(?:Amz|Goog)-Signature=[0-9a-f]{32}", Also::Nothing),
    ("a password in a URL", r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s@:]*:(?P<v>[^/?#\s@]+)@", Also::Real),
    ("an authorization header", r"(?i)\bbearer\s+(?P<v>[A-Za-z0-9._~+/-]{16,})", Also::Dense),
    ("an authorization header", r"(?i)\bbasic\s+(?P<v>[A-Za-z0-9+/]{8,}={0,2})", Also::Basic),
    (
        "an assignment of a secret",
        r#"(?P<k>[A-Za-z0-9_.-]{3,64})\\*["']?\s*(?:=|:\s|:\s*\\*["'])\s*\\*["']?(?P<v>[^\s"'\\&;,=?]{8,})"#,
        Also::Assigned,
    ),
    ("an option with a secret", r"--?(?P<k>[A-Za-z][A-Za-z0-9_-]{2,64})\s+(?P<v>[^\s&;,=?]{8,})", Also::Assigned),
];

/// All shapes, compiled: one pass says which occur, and only those are looked at again.
pub(super) struct Scanner {
    any: RegexSet,
    each: Vec<Regex>,
}

static SCANNER: LazyLock<Result<Scanner, String>> = LazyLock::new(|| Scanner::new().map_err(|error| error.to_string()));

impl Scanner {
    fn new() -> Result<Self, regex::Error> {
        let any = RegexSetBuilder::new(SHAPES.iter().map(|row| row.1)).size_limit(MAX_COMPILED).build()?;
        let one = |row: &(&str, &str, Also)| RegexBuilder::new(row.1).size_limit(MAX_COMPILED).build();
        Ok(Self { any, each: SHAPES.iter().map(one).collect::<Result<_, _>>()? })
    }

    pub(super) fn get() -> Result<&'static Self, GenerateError> {
        SCANNER.as_ref().map_err(|detail| GenerateError::ScannerUnusable { detail: detail.clone() })
    }

    /// The kind of secret that occurs in a text, as it is or percent-encoded as in the query of a URL.
    pub(super) fn shape(&self, text: &str) -> Option<&'static str> {
        self.plain(text).or_else(|| percent_decoded(text).and_then(|decoded| self.plain(&decoded)))
    }

    fn plain(&self, text: &str) -> Option<&'static str> {
        let matched = self.any.matches(text);
        let mut found = matched.into_iter().filter_map(|n| Some((SHAPES.get(n)?, self.each.get(n)?)));
        found
            .find(|((_, _, also), pattern)| match also {
                Also::Nothing => true,
                also => pattern.captures_iter(text).any(|part| holds(*also, &part)),
            })
            .map(|((kind, _, _), _)| *kind)
    }
}

fn holds(also: Also, part: &Captures<'_>) -> bool {
    let named = |name: &str| part.name(name).map_or("", |found| found.as_str());
    match also {
        Also::Nothing => true,
        Also::Real => !is_placeholder(named("v")),
        Also::Dense => is_dense(named("v")),
        Also::Basic => base64::decode(named("v")).is_some_and(|pair| pair.contains(&b':') && pair.is_ascii()),
        Also::Assigned => looks_secret(named("k")) && is_random(named("v")),
    }
}

/// A text without its percent-encoding (RFC 3986 §2.1), if it has any. What is malformed stays.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut found = false;
    while let Some((first, tail)) = rest.split_first() {
        let byte = tail.get(..2).filter(|_| *first == b'%').and_then(|two| hex::decode(two).ok());
        match byte.as_deref() {
            Some([byte]) => {
                bytes.push(*byte);
                rest = tail.get(2..).unwrap_or_default();
                found = true;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    found.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// What people write in the place of a secret.
fn is_placeholder(text: &str) -> bool {
    let all = |c: char| text.chars().all(|found| found == c);
    text.starts_with(['$', '<', '{']) || text.contains(MASKED) || "*xX.".chars().any(all) || text == "REDACTED"
}

/// Whether a text looks made by a generator of passwords or tokens: long enough, without spaces, of at least two kinds of
/// characters, and with more entropy than words have. Placeholders, URLs and paths are none.
pub(super) fn is_random(text: &str) -> bool {
    let length = text.chars().count();
    if !(MIN_RANDOM..=MAX_RANDOM).contains(&length) || is_placeholder(text) || text.contains("://") {
        return false;
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.starts_with(['/', '.']) {
        return false;
    }
    let has = |kind: fn(&char) -> bool| usize::from(text.chars().any(|c| kind(&c)));
    let kinds = has(char::is_ascii_lowercase) + has(char::is_ascii_uppercase) + has(char::is_ascii_digit);
    kinds >= 2 && entropy(text) >= MIN_ENTROPY
}

fn is_dense(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.bytes().any(|b| kind(&b));
    let all = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    let hex = text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    (all || hex) && is_random(text)
}

/// Shannon entropy of a text over its own characters, in bits for each.
fn entropy(text: &str) -> f64 {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    let total = count(characters.len());
    let runs = characters.chunk_by(|a, b| a == b).map(|run| count(run.len()) / total);
    runs.map(|share| -share * share.log2()).sum()
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
impl Scanner {
    /// How many shapes there are, and which of them a text has.
    pub(super) fn matched(&self, text: &str) -> (usize, Vec<usize>) {
        let holds = |n: &usize| {
            SHAPES[*n].2 == Also::Nothing || self.each[*n].captures_iter(text).any(|part| holds(SHAPES[*n].2, &part))
        };
        (SHAPES.len(), self.any.matches(text).into_iter().filter(holds).collect())
    }
}
