//! The checks, each a function over what was seen; the remedies stand here and nowhere else.

use jiff::Timestamp;

use crate::commands::doctor::seen::Answer;
use crate::commands::doctor::seen::Seen;
use crate::commands::identity;
use crate::formats::jwt::TokenClaims;
use crate::generate::ci;
use crate::generate::ci::MARKER;
use crate::generate::ci::Platform;
use crate::generate::ci::Visibility;
use crate::generate::git::Dirty;
use crate::remote::token::SIGSTORE_AUDIENCE;
use crate::report::Notice;
use crate::report::doctor::Line;
use crate::report::doctor::Purpose::Attach;
use crate::report::doctor::Purpose::Sign;
use crate::report::doctor::Purpose::Verify;
use crate::sign::privacy;
use crate::sign::privacy::Consent;
use crate::sign::privacy::Instance;
use crate::trust::signing_config::LogVersion;

/// Most seconds that this machine's clock may be away from a service's. Certificates of Sigstore live ten minutes.
const MAX_SKEW: i64 = 60;

/// Longest text of a claim that is shown, in characters.
const MAX_CLAIM: usize = 200;

/// Names of proxies (curl's convention, which the HTTP library follows).
const PROXIES: &[&str] =
    &["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];

/// Every check, in the order of the report.
pub(super) const CHECKS: &[fn(&Seen) -> Vec<Line>] = &[
    platform,
    identity_token,
    visibility,
    checkout,
    signing_services,
    service_answers,
    proxies,
    forge_token,
    registries,
    trusted_roots,
    clock,
];

fn platform(seen: &Seen) -> Vec<Line> {
    let line = match &seen.platform {
        Ok(Platform::Local) => Line::ok("platform", Sign, "local: no variable of a CI platform is set"),
        Ok(found) => {
            let by = found.sign().unwrap_or(MARKER);
            Line::ok("platform", Sign, format!("{}, by the variable {by}", found.name()))
        }
        Err(error) => {
            Line::lack("platform", Sign, error.to_string(), "name it with --platform, or set SEALMARK_PLATFORM")
        }
    };
    vec![line]
}

/// A token, or who gives one. It is looked at and never asked for.
fn identity_token(seen: &Seen) -> Vec<Line> {
    const ID: &str = "identity-token";
    let platform = seen.platform();
    let line = match &seen.token {
        Some(Ok(claims)) => claims_line(claims, seen.now),
        Some(Err(error)) => Line::lack(
            ID,
            Sign,
            format!("{} is set: {}", identity::TOKEN_VARIABLE, error.message),
            "it must hold an OIDC token: three parts of base64url between full stops",
        ),
        None => {
            let set = |name: &str| seen.environment.get(name).is_some();
            let program = |name: &str| seen.programs.iter().any(|found| found == name);
            let source = match platform {
                Platform::Github => ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
                    .into_iter()
                    .all(set)
                    .then_some("GitHub's token service, by ACTIONS_ID_TOKEN_REQUEST_URL"),
                Platform::Buildkite => program("buildkite-agent").then_some("buildkite-agent on the PATH"),
                Platform::Circleci => program("circleci").then_some("circleci on the PATH"),
                _ => seen.mounted.then_some(identity::TOKEN_FILE),
            };
            match source {
                Some(source) => Line::ok(ID, Sign, format!("one can be had from {source}")),
                None => {
                    let missing = identity::missing(platform, &seen.environment);
                    Line::lack(ID, Sign, missing.message, missing.hint.unwrap_or_default())
                }
            }
        }
    };
    vec![line]
}

fn claims_line(claims: &TokenClaims, now: Timestamp) -> Line {
    const ID: &str = "identity-token";
    let short = |text: &str| text.chars().take(MAX_CLAIM).collect::<String>();
    let audiences: Vec<String> = claims.audiences().into_iter().take(4).map(short).collect();
    let audiences = if audiences.is_empty() { "nobody".to_owned() } else { audiences.join(", ") };
    let issuer = claims.issuer().map_or_else(|| "nobody".to_owned(), short);
    let said = format!("{}: made by {issuer}, for {audiences}", identity::TOKEN_VARIABLE);
    let again = "ask for a token right before it is used; those of CI live five to sixty minutes";
    match claims.expires() {
        None => Line::lack(ID, Sign, format!("{said}, without an end"), again),
        Some(end) if end <= now => Line::lack(ID, Sign, format!("{said}, ended {}", second(end)), again),
        Some(end) if !claims.audiences().contains(&SIGSTORE_AUDIENCE) => {
            let remedy = "Sigstore's public instance takes the audience sigstore alone; an instance of your own may take this one";
            Line::lack(ID, Sign, format!("{said}, until {}", second(end)), remedy)
        }
        Some(end) => Line::ok(ID, Sign, format!("{said}, until {}", second(end))),
    }
}

fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What the privacy gate will say, which is asked here as signing asks it.
fn visibility(seen: &Seen) -> Vec<Line> {
    const ID: &str = "visibility";
    let (_, Ok(services)) = &seen.services else { return Vec::new() };
    let Some(Ok(claims)) = &seen.token else {
        let remedy = "the token says who may see the source; what is not known to be public is not published without --allow-public-log";
        return vec![Line::unknown(ID, Sign, "no token is here yet", remedy)];
    };
    let found = ci::visibility(claims);
    let instance = privacy::instance(Instance::Public, services.addresses());
    let line = match (privacy::ask(found, instance, Consent::Withheld), found) {
        (Ok(_), Visibility::Public) => Line::ok(ID, Sign, "the token says that the source is public"),
        (Ok(_), _) => Line::ok(ID, Sign, format!("the source is {}, and so are the services", found.name())),
        (Err(_), _) => Line::lack(
            ID,
            Sign,
            format!("the source is {}: nothing of it will be sent to services that publish", found.name()),
            "--allow-public-log publishes the names of repository and workflow; or a Sigstore of your own with --private-instance",
        ),
    };
    vec![line]
}

fn checkout(seen: &Seen) -> Vec<Line> {
    const ID: &str = "git-checkout";
    let git = match &seen.git {
        Err(error) => {
            let remedy = match error.code() {
                "git-not-owned" => "git config --global --add safe.directory DIR, if you trust it; or --no-source",
                _ => "--source DIR names another checkout, --no-source none",
            };
            return vec![Line::lack(ID, Sign, error.to_string(), remedy)];
        }
        Ok(None) => {
            let remedy = "check it out before signing, or name the source with --source-uri";
            return vec![Line::unknown(ID, Sign, "no repository here: the provenance would name no source", remedy)];
        }
        Ok(Some(git)) => git,
    };
    let at = git.commit.as_deref().unwrap_or("no commit yet");
    let remote = git.remote.as_deref().unwrap_or("no remote on a server");
    let line = match (&git.commit, git.dirty) {
        (None, _) => Line::unknown(ID, Sign, "a repository without a commit", "commit first"),
        (Some(_), Dirty::Changed { paths }) => {
            let found = format!("{at} of {remote}, {paths} changed or untracked paths");
            Line::unknown(ID, Sign, found, "the provenance will say so; commit or ignore them")
        }
        (Some(_), Dirty::Clean) => Line::ok(ID, Sign, format!("{at} of {remote}, clean")),
    };
    let mut lines = vec![line];
    if git.shallow {
        let remedy = "fetch-depth: 0, or git fetch --tags, where the provenance has to name the tag";
        lines.push(Line::unknown("git-history", Sign, "a shallow clone: tags may be missing", remedy));
    }
    lines
}

fn signing_services(seen: &Seen) -> Vec<Line> {
    const ID: &str = "signing-services";
    let (name, selected) = &seen.services;
    let line = match selected {
        Err(error) => {
            let remedy = "--signing-config takes a signing_config.json of version 0.2; or name --fulcio-url, --rekor-url, --timestamp-url";
            Line::lack(ID, Sign, format!("{name}: {error}"), remedy)
        }
        Ok(selected) => {
            let log = |(url, version): &(String, LogVersion)| format!("log v{} {}", version.number(), address(url));
            let mut words = vec![format!("{name}: authority {}", address(&selected.ca))];
            words.extend(selected.logs.iter().map(log));
            words.extend(selected.timestamps.iter().map(|url| format!("timestamps {}", address(url))));
            Line::ok(ID, Sign, words.join(", "))
        }
    };
    vec![line]
}

/// An address without whoever is named before its host.
fn address(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.rsplit('@').next().unwrap_or_default().to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    // What stands behind an `@` in a path may be the end of a password with a slash in it.
    if path.contains('@') { format!("{scheme}://…") } else { format!("{scheme}://{host}{path}") }
}

fn service_answers(seen: &Seen) -> Vec<Line> {
    const ID: &str = "service-reached";
    let Some(answers) = &seen.answers else {
        return vec![Line::unknown(ID, Sign, "nobody was asked", "--online asks each service for something harmless")];
    };
    let line = |one: &Answer| match &one.reply {
        Ok(reached) => {
            let ms = reached.latency.as_millis();
            Line::ok(ID, Sign, format!("{} {}: status {} in {ms} ms", one.role, address(&one.url), reached.status))
        }
        Err(error) => {
            let remedy = "look at the address, the proxy, and whether this network lets jobs out";
            Line::lack(ID, Sign, error.to_string(), remedy)
        }
    };
    answers.iter().map(line).collect()
}

/// Proxies, without who may use them.
fn proxies(seen: &Seen) -> Vec<Line> {
    let set = |name: &&str| {
        let value = seen.environment.get(name)?;
        let shown = if name.eq_ignore_ascii_case("NO_PROXY") { value.to_owned() } else { address(value) };
        Some(format!("{name}={shown}"))
    };
    let found: Vec<String> = PROXIES.iter().filter_map(set).collect();
    let words = if found.is_empty() { "none is set".to_owned() } else { found.join(", ") };
    vec![Line::ok("proxy", Sign, words)]
}

fn forge_token(seen: &Seen) -> Vec<Line> {
    const ID: &str = "forge-token";
    let needs = match seen.platform() {
        Platform::Github => {
            ("GITHUB_TOKEN", "contents: write for release assets, attestations: write for GitHub's store")
        }
        Platform::Gitlab => ("CI_JOB_TOKEN", "the package registry of the project must let this job in"),
        _ => return Vec::new(),
    };
    let (name, permissions) = needs;
    let line = if seen.environment.get(name).is_some() {
        let found = format!("{name} is set; what it may do cannot be seen from here");
        Line::unknown(ID, Attach, found, format!("it needs {permissions}"))
    } else {
        Line::lack(ID, Attach, format!("no {name}"), format!("hand it to the step as env; it needs {permissions}"))
    };
    vec![line]
}

fn registries(seen: &Seen) -> Vec<Line> {
    const ID: &str = "registry-credentials";
    if seen.credentials.is_empty() {
        let remedy = "docker login HOST, or podman login HOST, before attaching to an image";
        return vec![Line::lack(ID, Attach, "no file of credentials", remedy)];
    }
    let mut lines = Vec::new();
    for (path, found) in &seen.credentials {
        let path = path.display();
        let credentials = match found {
            Ok(credentials) => credentials,
            Err(error) => {
                lines.push(Line::lack(
                    ID,
                    Attach,
                    format!("{path}: {error}"),
                    "it must be the JSON that docker login writes",
                ));
                continue;
            }
        };
        lines.push(Line::ok(ID, Attach, format!("{path}: {}", credentials.words())));
        for helper in credentials.helpers.iter().filter(|helper| !seen.programs.contains(helper)) {
            let found = format!("{path} names the helper {helper}, which is not on the PATH");
            lines.push(Line::lack("credential-helper", Attach, found, "install it, or take it out of the file"));
        }
    }
    lines
}

fn trusted_roots(seen: &Seen) -> Vec<Line> {
    const ID: &str = "trusted-root";
    let roots = match &seen.roots {
        Ok(roots) => roots,
        Err(error) => {
            let remedy = error.hint.clone().unwrap_or_else(|| "name a trusted_root.json with --trust".to_owned());
            return vec![Line::lack(ID, Verify, error.message.clone(), remedy)];
        }
    };
    let mut lines = Vec::new();
    for root in roots {
        let age = root.as_of.map_or_else(
            || "of unknown age".to_owned(),
            |as_of| {
                let days = seen.now.duration_since(as_of).as_hours() / 24;
                format!("as of {}, {days} days old", as_of.strftime("%Y-%m-%d"))
            },
        );
        lines.push(Line::ok(ID, Verify, format!("{}: {age}", root.name)));
        for notice in root.notices(seen.now).into_iter().map(Notice::from) {
            let remedy = "give a newer root with --trust FILE, or take a newer sealmark";
            // What was signed before it lapsed still verifies; what is signed now does not.
            lines.push(match notice.code {
                "trust-root-lapsed" => Line::lack(ID, Verify, notice.message, remedy),
                _ => Line::unknown(ID, Verify, notice.message, remedy),
            });
        }
    }
    lines
}

/// A clock that is before the roots were made is wrong; how wrong another one is only others can say.
fn clock(seen: &Seen) -> Vec<Line> {
    const ID: &str = "clock";
    let remedy = "set the clock: what is signed and verified is judged by it";
    let now = second(seen.now);
    let dates = seen.roots.iter().flatten().filter_map(|root| root.as_of);
    if let Some(as_of) = dates.filter(|as_of| *as_of > seen.now).max() {
        let found = format!("{now}, which is before the trusted root of {}", as_of.strftime("%Y-%m-%d"));
        return vec![Line::lack(ID, Verify, found, remedy)];
    }
    let told = seen.answers.iter().flatten().filter_map(|one| Some((&one.url, one.reply.as_ref().ok()?.ahead?)));
    let told: Vec<_> = told.collect();
    let line = match told.iter().max_by_key(|(_, ahead)| ahead.saturating_abs()) {
        None => Line::unknown(
            ID,
            Verify,
            format!("{now}, compared with no other clock"),
            "--online compares it with the services'",
        ),
        Some((url, ahead)) if ahead.saturating_abs() > MAX_SKEW => {
            Line::lack(ID, Verify, format!("{now}, {ahead} seconds from that of {}", address(url)), remedy)
        }
        Some(_) => Line::ok(ID, Verify, format!("{now}, within {MAX_SKEW} seconds of {} services", told.len())),
    };
    vec![line]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_who_may_use_them() {
        for (url, shown) in [
            ("http://user:planted@proxy.acme.example:3128", "http://proxy.acme.example:3128"),
            ("http://user:planted/x@proxy.acme.example/", "http://…"),
            ("user:planted@proxy.acme.example", "proxy.acme.example"),
            ("https://tsa.example/api?key=planted#planted", "https://tsa.example/api"),
        ] {
            assert_eq!(address(url), shown);
        }
    }
}
