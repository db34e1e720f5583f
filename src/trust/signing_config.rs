//! Which services sign: `signing_config.json`, and the choice among what it names at a given time.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::Value;
use sigstore_trust_root::SIGSTORE_PRODUCTION_SIGNING_CONFIG;

use crate::formats::FormatError;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::trust::root::Window;

/// Longest file that is read, in bytes. The public one has about 2 KiB.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most services of one kind: as many log entries and timestamps as one bundle takes.
pub const MAX_SERVICES: usize = 8;
/// Longest address of a service, in bytes.
pub const MAX_URL: usize = 2048;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// Major versions of the interfaces of a certificate authority and of a timestamp authority that are spoken here.
const SUPPORTED: u64 = 1;

/// The interface of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogVersion {
    /// Rekor v1: entries with a signed time.
    V1,
    /// Rekor v2 (rekor-tiles): entries without any time, so that a timestamp is needed beside them.
    V2,
}

impl LogVersion {
    /// The major version of the interface.
    pub fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The version of that number.
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|version| version.number() == number)
    }
}

/// Which logs may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogChoice {
    /// The highest version that there is and that can be used: Rekor v2 only beside a timestamp authority.
    Highest,
    /// This version alone.
    Only(LogVersion),
}

/// Why no services were chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningConfigError {
    /// Not JSON, or not of the fields that it has.
    #[error("signing config: {0}")]
    Format(#[from] FormatError),
    /// The text of a field that cannot be.
    #[error("signing config: {path}: expected {expected}, found {found:?}")]
    Field {
        /// JSON pointer.
        path: String,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Another media type.
    #[error("signing config: expected the media type {MEDIA_TYPE}, found {found:?}")]
    MediaType {
        /// Media type found.
        found: String,
    },
    /// Nothing that it names can be used now.
    #[error("signing config: expected {expected}, found {found}")]
    NoService {
        /// What is needed.
        expected: String,
        /// What there is.
        found: String,
    },
}

impl SigningConfigError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(_) | Self::Field { .. } => "signing-config-invalid",
            Self::MediaType { .. } => "signing-config-media-type",
            Self::NoService { .. } => "signing-config-no-service",
        }
    }
}

/// A service that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address. Of a timestamp authority the whole one, to which requests are posted.
    pub url: String,
    /// Major version of its interface.
    pub version: u64,
    /// When it may be used.
    pub window: Window,
    /// Who runs it; services of one operator are one to the rules `ALL` and `EXACT`.
    pub operator: String,
}

/// How many of the services that can be used are used (sigstore/protobuf-specs, `ServiceSelector`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Any,
    All,
    Exact(usize),
}

/// What a `signing_config.json` of version 0.2 says (sigstore/protobuf-specs, sigstore_trustroot.proto, `SigningConfig`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningConfig {
    authorities: Vec<Endpoint>,
    logs: Vec<Endpoint>,
    timestamps: Vec<Endpoint>,
    log_rule: Option<Rule>,
    timestamp_rule: Option<Rule>,
}

/// The addresses of the services that are asked to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The certificate authority.
    pub ca: String,
    /// The logs; none only where the configuration names none at all.
    pub logs: Vec<(String, LogVersion)>,
    /// The timestamp authorities.
    pub timestamps: Vec<String>,
}

impl Selected {
    /// Every address.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let logs = self.logs.iter().map(|log| log.0.as_str());
        std::iter::once(self.ca.as_str()).chain(logs).chain(self.timestamps.iter().map(String::as_str))
    }
}

impl SigningConfig {
    /// Reads a configuration. Fields that version 0.2 does not have are refused, and so is a list of services without a
    /// rule how many of them to use.
    ///
    /// # Errors
    /// `signing-config-invalid`, `signing-config-media-type`.
    pub fn parse(bytes: &[u8]) -> Result<Self, SigningConfigError> {
        if bytes.len() > MAX_BYTES {
            let (what, limit, found) = ("signing config", MAX_BYTES, bytes.len());
            return Err(FormatError::TooLarge { what, limit, found }.into());
        }
        let mut top = Fields::new(json::parse(bytes)?, "")?;
        let found = top.need_string("mediaType")?;
        if found != MEDIA_TYPE {
            return Err(SigningConfigError::MediaType { found });
        }
        let authorities = endpoints(&mut top, "caUrls")?;
        // Where a person would log in; no CI job does.
        endpoints(&mut top, "oidcUrls")?;
        let logs = endpoints(&mut top, "rekorTlogUrls")?;
        let timestamps = endpoints(&mut top, "tsaUrls")?;
        let log_rule = rule(&mut top, "rekorTlogConfig")?;
        let timestamp_rule = rule(&mut top, "tsaConfig")?;
        for (list, rule, name) in [(&logs, log_rule, "rekorTlogConfig"), (&timestamps, timestamp_rule, "tsaConfig")] {
            if !list.is_empty() && rule.is_none() {
                return Err(top.missing(&format!("{name}/selector")).into());
            }
        }
        top.finish()?;
        Ok(Self { authorities, logs, timestamps, log_rule, timestamp_rule })
    }

    /// The configuration of Sigstore's public instance that ships inside the program.
    ///
    /// # Errors
    /// None for the copy that ships: a test reads it.
    pub fn public_good() -> Result<Self, SigningConfigError> {
        Self::parse(SIGSTORE_PRODUCTION_SIGNING_CONFIG.as_bytes())
    }

    /// Chooses the services for signing at `now`: of those whose window has it and whose interface is spoken here the
    /// ones of the highest version, newest first, one for each operator, as many as the rule says (sigstore-go,
    /// `SelectServices`).
    ///
    /// Logs of Rekor v2 prove no time, so they are left out where there is no timestamp authority. A configuration that
    /// names no log at all is one of a private instance that works by timestamps alone; one that names logs of which none can
    /// be used now is refused.
    ///
    /// # Errors
    /// `signing-config-no-service`.
    pub fn select(&self, now: Timestamp, choice: LogChoice) -> Result<Selected, SigningConfigError> {
        let ca = usable(&self.authorities, now, SUPPORTED).first().map(|one| one.url.clone());
        let ca = ca.ok_or_else(|| none("a certificate authority", &self.authorities, now))?;
        let timestamps = usable(&self.timestamps, now, SUPPORTED);
        let timestamps = chosen("timestamp authorities", &self.timestamps, timestamps, self.timestamp_rule, now)?;
        let logs = self.select_logs(now, choice, !timestamps.is_empty())?;
        let timed = !timestamps.is_empty() || logs.iter().any(|log| log.1 == LogVersion::V1);
        if !timed {
            return Err(none("a log or a timestamp authority that proves when it was signed", &self.timestamps, now));
        }
        Ok(Selected { ca, logs, timestamps: timestamps.into_iter().map(|one| one.url.clone()).collect() })
    }

    fn select_logs(
        &self,
        now: Timestamp,
        choice: LogChoice,
        stamped: bool,
    ) -> Result<Vec<(String, LogVersion)>, SigningConfigError> {
        let versions = match choice {
            LogChoice::Only(version) => vec![version],
            LogChoice::Highest if stamped => vec![LogVersion::V2, LogVersion::V1],
            LogChoice::Highest => vec![LogVersion::V1],
        };
        for version in versions {
            let usable = usable(&self.logs, now, version.number());
            if !usable.is_empty() {
                let logs = chosen("transparency logs", &self.logs, usable, self.log_rule, now)?;
                return Ok(logs.into_iter().map(|one| (one.url.clone(), version)).collect());
            }
        }
        match choice {
            LogChoice::Highest if self.logs.is_empty() => Ok(Vec::new()),
            LogChoice::Highest => Err(none("a transparency log", &self.logs, now)),
            LogChoice::Only(version) => {
                Err(none(&format!("a transparency log of Rekor v{}", version.number()), &self.logs, now))
            }
        }
    }
}

/// Those of a version whose window has `now`: the newest first, one for each operator.
fn usable(list: &[Endpoint], now: Timestamp, version: u64) -> Vec<&Endpoint> {
    let mut usable: Vec<&Endpoint> =
        list.iter().filter(|one| one.version == version && one.window.contains(now)).collect();
    usable.sort_by_key(|one| Reverse(one.window.start));
    let mut kept: Vec<&Endpoint> = Vec::new();
    for one in usable {
        if !kept.iter().any(|other| other.operator == one.operator) {
            kept.push(one);
        }
    }
    kept
}

/// As many as the rule says. None are chosen only where none are named.
fn chosen<'a>(
    what: &str,
    named: &[Endpoint],
    mut usable: Vec<&'a Endpoint>,
    rule: Option<Rule>,
    now: Timestamp,
) -> Result<Vec<&'a Endpoint>, SigningConfigError> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let (least, most) = match rule {
        Some(Rule::Any) | None => (1, 1),
        Some(Rule::All) => (1, MAX_SERVICES),
        Some(Rule::Exact(count)) => (count, count),
    };
    if usable.len() < least {
        return Err(none(&format!("{least} {what} of different operators"), named, now));
    }
    usable.truncate(most);
    Ok(usable)
}

fn none(expected: &str, named: &[Endpoint], now: Timestamp) -> SigningConfigError {
    let list: Vec<String> = named.iter().map(|one| format!("{} of version {}", one.url, one.version)).collect();
    let found = match list.as_slice() {
        [] => "none".to_owned(),
        some => format!("only {}", some.join(", ")),
    };
    SigningConfigError::NoService { expected: format!("{expected} that can be used at {now}"), found }
}

fn endpoints(top: &mut Fields, name: &str) -> Result<Vec<Endpoint>, SigningConfigError> {
    let path = top.at(name);
    let list = top.array(name, MAX_SERVICES)?;
    list.into_iter().enumerate().map(|(n, value)| endpoint(value, &format!("{path}/{n}"))).collect()
}

fn endpoint(value: Value, path: &str) -> Result<Endpoint, SigningConfigError> {
    let mut fields = Fields::new(value, path)?;
    let url = fields.need_string("url")?;
    let plain = |c: char| c.is_ascii_graphic();
    if url.len() > MAX_URL || !url.chars().all(plain) || url.is_empty() {
        let found = url.chars().take(80).collect();
        return Err(SigningConfigError::Field { path: fields.at("url"), expected: "the address of a service", found });
    }
    let version = fields.need_integer("majorApiVersion")?;
    let mut range = fields.need_object("validFor")?;
    let start = instant(&mut range, "start")?.ok_or_else(|| range.missing("start"))?;
    let end = instant(&mut range, "end")?;
    range.finish()?;
    let operator = fields.string("operator")?.unwrap_or_default();
    fields.finish()?;
    Ok(Endpoint { url, version, window: Window { start, end }, operator })
}

fn instant(range: &mut Fields, name: &str) -> Result<Option<Timestamp>, SigningConfigError> {
    let path = range.at(name);
    let Some(text) = range.string(name)? else { return Ok(None) };
    match text.parse() {
        Ok(time) => Ok(Some(time)),
        Err(_) => Err(SigningConfigError::Field { path, expected: "a time such as 2026-01-01T00:00:00Z", found: text }),
    }
}

fn rule(top: &mut Fields, name: &str) -> Result<Option<Rule>, SigningConfigError> {
    let Some(mut fields) = top.object(name)? else { return Ok(None) };
    let path = fields.at("selector");
    let selector = fields.string("selector")?;
    let count = fields.integer("count")?.filter(|count| *count != 0);
    fields.finish()?;
    let count = count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    match (selector.as_deref(), count) {
        (None, _) => Ok(None),
        (Some("ANY"), _) => Ok(Some(Rule::Any)),
        (Some("ALL"), _) => Ok(Some(Rule::All)),
        (Some("EXACT"), Some(count)) => Ok(Some(Rule::Exact(count))),
        (Some(other), _) => {
            let expected = "ANY, ALL, or EXACT with a count";
            Err(SigningConfigError::Field { path, expected, found: other.chars().take(80).collect() })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        time("2026-11-21T00:00:00Z")
    }

    fn service(url: &str, version: u64, start: &str, operator: &str) -> Value {
        json!({ "url": url, "majorApiVersion": version, "validFor": { "start": start }, "operator": operator })
    }

    const YEAR: &str = "2026-01-01T00:00:00Z";

    fn config() -> Value {
        json!({
            "mediaType": MEDIA_TYPE,
            "caUrls": [service("https://ca.test", 1, YEAR, "one")],
            "oidcUrls": [service("https://login.test", 1, YEAR, "one")],
            "rekorTlogUrls": [service("https://v2.test", 2, YEAR, "one"), service("https://v1.test", 1, YEAR, "one")],
            "tsaUrls": [service("https://tsa.test/stamp", 1, YEAR, "one")],
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaConfig": { "selector": "ANY" },
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut config = config();
        config[name] = value;
        config
    }

    fn parse(value: &Value) -> Result<SigningConfig, &'static str> {
        SigningConfig::parse(value.to_string().as_bytes()).map_err(|error| error.code())
    }

    fn select_at(value: &Value, now: Timestamp, choice: LogChoice) -> Result<Selected, &'static str> {
        parse(value)?.select(now, choice).map_err(|error| error.code())
    }

    fn select(value: &Value) -> Result<Selected, &'static str> {
        select_at(value, now(), LogChoice::Highest)
    }

    fn logs(selected: Result<Selected, &'static str>) -> Result<Vec<(String, u64)>, &'static str> {
        selected.map(|selected| selected.logs.into_iter().map(|(url, version)| (url, version.number())).collect())
    }

    #[test]
    fn the_embedded_one_is_usable() {
        let selected = SigningConfig::public_good().unwrap().select(now(), LogChoice::Highest).unwrap();
        assert_eq!(selected.ca, "https://fulcio.sigstore.dev");
        assert_eq!(selected.logs, [("https://rekor.sigstore.dev".to_owned(), LogVersion::V1)]);
        assert_eq!(selected.timestamps, ["https://timestamp.sigstore.dev/api/v1/timestamp"]);
        assert_eq!(selected.addresses().count(), 3);
        let early = SigningConfig::public_good().unwrap().select(time("2021-01-01T00:00:00Z"), LogChoice::Highest);
        assert_eq!(early.unwrap_err().code(), "signing-config-no-service");
    }

    #[test]
    fn the_second_version_is_preferred_beside_a_timestamp_authority() {
        let v2 = Ok(vec![("https://v2.test".to_owned(), 2)]);
        let v1 = Ok(vec![("https://v1.test".to_owned(), 1)]);
        let none = Err("signing-config-no-service");
        assert_eq!(logs(select(&config())), v2);
        assert_eq!(logs(select_at(&config(), now(), LogChoice::Only(LogVersion::V1))), v1);
        assert_eq!(logs(select_at(&config(), now(), LogChoice::Only(LogVersion::V2))), v2);
        let unstamped = with("tsaUrls", json!([]));
        assert_eq!(logs(select(&unstamped)), v1);
        assert_eq!(logs(select_at(&unstamped, now(), LogChoice::Only(LogVersion::V2))), none);
        let only_v2 = json!([service("https://v2.test", 2, YEAR, "one")]);
        let mut alone = with("rekorTlogUrls", only_v2.clone());
        assert_eq!(logs(select_at(&alone, now(), LogChoice::Only(LogVersion::V1))), none);
        alone["tsaUrls"] = json!([]);
        assert_eq!(logs(select(&alone)), none);
        let third = with("rekorTlogUrls", json!([service("https://v3.test", 3, YEAR, "one")]));
        assert_eq!(logs(select(&third)), none);
    }

    /// No log in the configuration is a private instance; a log that cannot be used is never one.
    #[test]
    fn without_logs_there_is_a_timestamp() {
        let private = with("rekorTlogUrls", json!([]));
        let selected = select(&private).unwrap();
        assert!(selected.logs.is_empty() && selected.timestamps.len() == 1);
        let mut nothing = private;
        nothing["tsaUrls"] = json!([]);
        assert_eq!(select(&nothing).unwrap_err(), "signing-config-no-service");
        let ended = json!([{ "url": "https://v1.test", "majorApiVersion": 1, "operator": "one",
            "validFor": { "start": YEAR, "end": "2026-11-20T23:59:59Z" } }]);
        for list in ["caUrls", "rekorTlogUrls", "tsaUrls"] {
            assert_eq!(select(&with(list, ended.clone())).unwrap_err(), "signing-config-no-service", "{list}");
            let future = json!([service("https://later.test", 1, "2026-11-21T00:00:01Z", "one")]);
            assert_eq!(select(&with(list, future)).unwrap_err(), "signing-config-no-service", "{list}");
        }
        assert_eq!(select(&with("caUrls", json!([]))).unwrap_err(), "signing-config-no-service");
        assert_eq!(
            select(&with("caUrls", json!([service("https://ca.test", 2, YEAR, "one")]))).unwrap_err(),
            "signing-config-no-service"
        );
    }

    #[test]
    fn rules_count_operators() {
        let list = json!([
            service("https://old.test", 1, "2026-01-01T00:00:00Z", "one"),
            service("https://new.test", 1, "2026-06-01T00:00:00Z", "one"),
            service("https://two.test", 1, "2026-02-01T00:00:00Z", "two"),
            service("https://later.test", 1, "2027-01-01T00:00:00Z", "three"),
        ]);
        let chosen = |rule: Value| {
            let mut config = with("tsaUrls", list.clone());
            config["tsaConfig"] = rule;
            select(&config).map(|selected| selected.timestamps)
        };
        let urls = |urls: &[&str]| Ok(urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(json!({ "selector": "ANY" })), urls(&["https://new.test"]));
        assert_eq!(chosen(json!({ "selector": "ALL" })), urls(&["https://new.test", "https://two.test"]));
        assert_eq!(chosen(json!({ "selector": "EXACT", "count": 1 })), urls(&["https://new.test"]));
        assert_eq!(chosen(json!({ "selector": "EXACT", "count": 2 })), urls(&["https://new.test", "https://two.test"]));
        assert_eq!(chosen(json!({ "selector": "EXACT", "count": 3 })), Err("signing-config-no-service"));
    }

    #[test]
    fn what_is_unclear_is_refused() {
        for value in [
            json!({ "selector": "SERVICE_SELECTOR_UNDEFINED" }),
            json!({ "selector": "EXACT" }),
            json!({ "selector": "EXACT", "count": 0 }),
            json!({ "selector": "SOME" }),
            json!({}),
            json!(null),
            json!({ "selector": "ANY", "weight": 1 }),
        ] {
            for list in ["rekorTlogConfig", "tsaConfig"] {
                assert_eq!(parse(&with(list, value.clone())).map(drop), Err("signing-config-invalid"), "{value}");
            }
        }
        let mut odd = service("https://ca.test", 1, YEAR, "one");
        for (name, value) in [
            ("url", json!("")),
            ("url", json!("https://ca.test/\n")),
            ("url", json!("x".repeat(MAX_URL + 1))),
            ("majorApiVersion", json!(null)),
            ("validFor", json!(null)),
            ("validFor", json!({ "start": "yesterday" })),
            ("validFor", json!({ "end": YEAR })),
            ("weight", json!(1)),
        ] {
            let good = odd.clone();
            odd[name] = value;
            assert_eq!(parse(&with("caUrls", json!([odd]))).map(drop), Err("signing-config-invalid"), "{odd}");
            odd = good;
        }
        assert_eq!(parse(&with("caUrls", json!(vec![odd; MAX_SERVICES + 1]))).map(drop), Err("signing-config-invalid"));
        assert_eq!(parse(&with("more", json!(1))).map(drop), Err("signing-config-invalid"));
        assert_eq!(parse(&json!([])).map(drop), Err("signing-config-invalid"));
        assert_eq!(SigningConfig::parse(&[b' '; MAX_BYTES + 1]).unwrap_err().code(), "signing-config-invalid");
        for other in ["application/vnd.dev.sigstore.signingconfig.v0.1+json", "application/json"] {
            assert_eq!(parse(&with("mediaType", json!(other))).map(drop), Err("signing-config-media-type"));
        }
    }
}
