//! Package URLs (purl, ECMA-427), written in their one canonical spelling.

use std::collections::BTreeMap;
use std::fmt;

/// Longest part of a package URL, in bytes before escaping.
pub const MAX_PART: usize = 1024;

/// A type of package, with its own rules for names (purl-spec, `types/`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is the type of that name")]
pub enum Kind {
    Cargo,
    Docker,
    Gem,
    Github,
    Golang,
    Maven,
    Npm,
    Pypi,
}

impl Kind {
    /// The type as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Docker => "docker",
            Self::Gem => "gem",
            Self::Github => "github",
            Self::Golang => "golang",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
        }
    }

    /// A namespace or name as the type wants it. Names of npm keep their case: old packages have capitals, and differ by
    /// them.
    fn normalised(self, text: &str) -> String {
        match self {
            Self::Github | Self::Golang => text.to_lowercase(),
            Self::Pypi => pypi_name(text),
            Self::Cargo | Self::Docker | Self::Gem | Self::Maven | Self::Npm => text.to_owned(),
        }
    }
}

/// A name on PyPI in its one spelling (PEP 503, "Normalized Names").
fn pypi_name(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if matches!(c, '-' | '_' | '.') {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    if gap {
        out.push('-');
    }
    out
}

/// A package URL in the making; [`fmt::Display`] writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purl {
    kind: &'static str,
    namespace: Vec<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<&'static str, String>,
    subpath: Vec<String>,
}

impl Purl {
    /// A package of this type; `path` is its namespace and its name, with `/` between the segments.
    ///
    /// None for what can be no name: an empty segment, `.`, `..`, a control character, or more than [`MAX_PART`] bytes.
    pub fn new(kind: Kind, path: &str) -> Option<Self> {
        let mut namespace = segments(path)?.iter().map(|part| kind.normalised(part)).collect::<Vec<_>>();
        let name = namespace.pop()?;
        let (version, qualifiers, subpath) = (None, BTreeMap::new(), Vec::new());
        Some(Self { kind: kind.name(), namespace, name, version, qualifiers, subpath })
    }

    /// The same, of this version. None for a version that is empty, has a control character, or more than [`MAX_PART`]
    /// bytes.
    pub fn version(mut self, version: &str) -> Option<Self> {
        self.version = Some(part(version)?.to_owned());
        Some(self)
    }

    /// The same, with one more qualifier. `key` is lower-case letters, digits, `.`, `-` and `_`. None for a value that is
    /// empty, has a control character, or more than [`MAX_PART`] bytes.
    pub fn qualifier(mut self, key: &'static str, value: &str) -> Option<Self> {
        self.qualifiers.insert(key, part(value)?.to_owned());
        Some(self)
    }

    /// The same, of this file or folder inside the package. None for what [`Purl::new`] takes for no name.
    pub fn subpath(mut self, path: &str) -> Option<Self> {
        self.subpath = segments(path)?.into_iter().map(str::to_owned).collect();
        Some(self)
    }
}

fn part(text: &str) -> Option<&str> {
    let fits = !text.is_empty() && text.len() <= MAX_PART && !text.chars().any(char::is_control);
    fits.then_some(text)
}

fn segments(path: &str) -> Option<Vec<&str>> {
    let segments = part(path)?.split('/');
    segments.map(|segment| part(segment).filter(|text| *text != "." && *text != "..")).collect()
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.kind)?;
        for segment in self.namespace.iter().chain([&self.name]) {
            write!(f, "/{}", escape(segment))?;
        }
        if let Some(version) = &self.version {
            write!(f, "@{}", escape(version))?;
        }
        for (n, (key, value)) in self.qualifiers.iter().enumerate() {
            let mark = if n == 0 { '?' } else { '&' };
            write!(f, "{mark}{key}={}", escape(value))?;
        }
        for (n, segment) in self.subpath.iter().enumerate() {
            let mark = if n == 0 { '#' } else { '/' };
            write!(f, "{mark}{}", escape(segment))?;
        }
        Ok(())
    }
}

/// Escapes every byte that is no letter, digit, `.`, `-`, `_`, `~` or `:` (ECMA-427, "Character encoding").
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
            out.extend(['%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn purl(kind: Kind, path: &str, version: &str) -> String {
        Purl::new(kind, path).unwrap().version(version).unwrap().to_string()
    }

    #[test]
    fn each_type_has_its_spelling() {
        assert_eq!(purl(Kind::Cargo, "serde", "1.0.2+build.1"), "pkg:cargo/serde@1.0.2%2Bbuild.1");
        assert_eq!(purl(Kind::Npm, "@acme/App", "1.0.0"), "pkg:npm/%40acme/App@1.0.0");
        assert_eq!(purl(Kind::Golang, "github.com/Acme/app/v2", "v2.0.0"), "pkg:golang/github.com/acme/app/v2@v2.0.0");
        assert_eq!(purl(Kind::Pypi, "My__Package.Name_", "1!2"), "pkg:pypi/my-package-name-@1%212");
        assert_eq!(purl(Kind::Maven, "org.acme/app", "1"), "pkg:maven/org.acme/app@1");
        assert_eq!(purl(Kind::Docker, "acme/app", "sha256:00"), "pkg:docker/acme/app@sha256:00");
        let github = Purl::new(Kind::Github, "Acme/App").unwrap().subpath("A b/c").unwrap();
        assert_eq!(github.to_string(), "pkg:github/acme/app#A%20b/c");
    }

    #[test]
    fn qualifiers_are_sorted_and_escaped() {
        let purl = Purl::new(Kind::Gem, "app").and_then(|purl| purl.qualifier("platform", "x86 64&a=b#c"));
        let purl = purl.and_then(|purl| purl.qualifier("file_name", "é")).unwrap();
        assert_eq!(purl.to_string(), "pkg:gem/app?file_name=%C3%A9&platform=x86%2064%26a%3Db%23c");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(MAX_PART + 1);
        for path in ["", "/", "a/", "/a", "a//b", "..", "a/../b", ".", "a\nb", "\u{85}", &long] {
            assert_eq!(Purl::new(Kind::Npm, path), None, "{path:?}");
            let app = || Purl::new(Kind::Npm, "app").unwrap();
            assert_eq!(app().subpath(path), None, "{path:?}");
        }
        let app = || Purl::new(Kind::Npm, "app").unwrap();
        assert_eq!(app().version(""), None);
        assert_eq!(app().version("1\t"), None);
        assert_eq!(app().qualifier("file_name", ""), None);
    }

    /// The text that an escaped one stands for.
    fn unescape(text: &str) -> String {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let mut digit = || char::from(bytes.next().unwrap()).to_digit(16).unwrap();
            out.push(if byte == b'%' { u8::try_from(digit() * 16 + digit()).unwrap() } else { byte });
        }
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn every_part_can_be_read_back(name in "[^/\\p{Cc}]{1,20}", version in "\\PC{1,20}", value in "\\PC{1,20}", sub in "[^/\\p{Cc}]{1,20}") {
            prop_assume!(![".", ".."].contains(&name.as_str()) && ![".", ".."].contains(&sub.as_str()));
            let purl = Purl::new(Kind::Npm, &name).and_then(|purl| purl.version(&version));
            let purl = purl.and_then(|purl| purl.qualifier("file_name", &value)).and_then(|purl| purl.subpath(&sub));
            let text = purl.unwrap().to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic()));
            let (rest, read_sub) = text.rsplit_once('#').unwrap();
            let (rest, read_value) = rest.rsplit_once("?file_name=").unwrap();
            let (rest, read_version) = rest.rsplit_once('@').unwrap();
            prop_assert_eq!(unescape(rest.strip_prefix("pkg:npm/").unwrap()), name);
            prop_assert_eq!(unescape(read_version), version);
            prop_assert_eq!(unescape(read_value), value);
            prop_assert_eq!(unescape(read_sub), sub);
        }

        #[test]
        fn two_packages_never_share_a_url(a in "[a-z@/%.:#?&= é-]{1,12}", b in "[a-z@/%.:#?&= é-]{1,12}") {
            let url = |path: &str| Purl::new(Kind::Npm, path).map(|purl| purl.to_string());
            if let (Some(one), Some(other)) = (url(&a), url(&b)) {
                prop_assert_eq!(one == other, a == b);
            }
        }
    }
}
