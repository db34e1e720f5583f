//! Where the identity token of a job comes from: the first source that there is, and nothing weaker after it.

use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::formats::jwt::MAX_TOKEN;
use crate::generate::ci::Environment;
use crate::generate::ci::Platform;
use crate::remote::token;
use crate::remote::token::Audience;
use crate::remote::token::IdToken;
use crate::remote::token::SIGSTORE_AUDIENCE;
use crate::remote::token::TokenError;
use crate::store::file::read_capped;

/// The variable that holds a token, on GitLab by `id_tokens` and anywhere by hand.
pub(super) const TOKEN_VARIABLE: &str = "SIGSTORE_ID_TOKEN";
/// Where a cluster mounts a token for signing, as cosign looks for it.
pub(super) const TOKEN_FILE: &str = "/var/run/sigstore/cosign/oidc-token";
/// How often it is looked whether a program has ended.
const STEP: Duration = Duration::from_millis(10);

/// A program of the platform that prints a token, with its arguments.
struct Program {
    platform: Platform,
    name: &'static str,
    arguments: &'static [&'static str],
    /// What is wrong when it gives none.
    hint: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        platform: Platform::Buildkite,
        name: "buildkite-agent",
        arguments: &["oidc", "request-token", "--audience", SIGSTORE_AUDIENCE],
        hint: "run it in a job of Buildkite, where buildkite-agent is on the PATH; in a container mount it and its token",
    },
    Program {
        platform: Platform::Circleci,
        name: "circleci",
        arguments: &["run", "oidc", "get", "--root-issuer", "--claims", r#"{"aud":"sigstore"}"#],
        hint: "run it in a job of CircleCI, where the circleci program is on the PATH, with a context",
    },
];

/// What decides where a token comes from.
pub(super) struct Wanted<'a> {
    /// `--identity-token`: a token, or `@FILE`.
    pub(super) given: Option<&'a str>,
    /// Where the job runs.
    pub(super) platform: Platform,
    /// The job's environment.
    pub(super) environment: &'a Environment,
    /// Whom the token must be for.
    pub(super) audience: Audience<'a>,
    /// Longest time that the platform is asked, with all attempts.
    pub(super) total: Duration,
}

/// The token of the first source that there is: what the user gives, `SIGSTORE_ID_TOKEN`, the platform's own token
/// service or program, the file of a cluster. It was looked at: it is for the audience and has not ended.
///
/// # Errors
/// `token-missing`, `token-invalid`, `token-audience`, `token-expired`, `token-nobody`, `token-service-*`,
/// `token-command-failed`, and those of reading a file.
pub(super) fn token(wanted: &Wanted<'_>, now: Timestamp) -> Result<IdToken, CommandError> {
    let token = found(wanted)?;
    token.check(wanted.audience, now).map_err(|error| refused(&error, wanted.platform))?;
    Ok(token)
}

/// The token that the user gives or `SIGSTORE_ID_TOKEN` holds, for the claims in it. Nobody is asked, and it may have ended.
///
/// # Errors
/// `token-invalid`, and those of reading a file.
pub(super) fn given(
    given: Option<&str>,
    platform: Platform,
    environment: &Environment,
) -> Result<Option<IdToken>, CommandError> {
    let text = match (given, environment.get(TOKEN_VARIABLE)) {
        (Some(given), _) => match given.strip_prefix('@') {
            Some(file) => file_text(file)?,
            None => Zeroizing::new(given.to_owned()),
        },
        (None, Some(text)) => Zeroizing::new(text.to_owned()),
        (None, None) => return Ok(None),
    };
    IdToken::parse(text).map(Some).map_err(|error| refused(&error.into(), platform))
}

fn found(wanted: &Wanted<'_>) -> Result<IdToken, CommandError> {
    let Wanted { platform, environment, total, .. } = *wanted;
    let parsed = |text: Zeroizing<String>| IdToken::parse(text).map_err(|error| refused(&error.into(), platform));
    if let Some(token) = given(wanted.given, platform, environment)? {
        return Ok(token);
    }
    if platform == Platform::Github {
        let name = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
        let [Some(url), Some(bearer)] = name.map(|name| environment.get(name)) else {
            return Err(missing(platform, environment));
        };
        let audience = match wanted.audience {
            Audience::Is(audience) => audience,
            Audience::LeftToTheAuthority => SIGSTORE_AUDIENCE,
        };
        return token::github(url, bearer, audience, total).map_err(|error| refused(&error, platform));
    }
    if let Some(program) = PROGRAMS.iter().find(|program| program.platform == platform) {
        return parsed(printed(program, total)?);
    }
    if Path::new(TOKEN_FILE).exists() {
        return parsed(file_text(TOKEN_FILE)?);
    }
    Err(missing(platform, environment))
}

/// No source has a token; why that usually is.
pub(super) fn missing(platform: Platform, environment: &Environment) -> CommandError {
    let of_fork = environment.get("GITHUB_EVENT_NAME").is_some_and(|event| event == "pull_request");
    let (found, hint) = match platform {
        Platform::Github if of_fork => (
            "no ACTIONS_ID_TOKEN_REQUEST_URL in a run for a pull request",
            "a pull request from a fork gets no token: sign in a run for a push or a release; otherwise the job needs permissions: id-token: write",
        ),
        Platform::Github => (
            "no ACTIONS_ID_TOKEN_REQUEST_URL",
            "the job needs permissions: id-token: write, and so does each workflow that calls it",
        ),
        Platform::Gitlab => {
            ("no SIGSTORE_ID_TOKEN", "the job needs id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore in .gitlab-ci.yml")
        }
        Platform::Jenkins | Platform::AzureDevops => (
            "no SIGSTORE_ID_TOKEN",
            "Sigstore's public instance knows no token of this platform; sign with --key, or with a Sigstore of your own and --identity-token",
        ),
        Platform::Tekton | Platform::GoogleCloudBuild => (
            "no SIGSTORE_ID_TOKEN and no /var/run/sigstore/cosign/oidc-token",
            "mount a token for the audience sigstore there, or give one with --identity-token",
        ),
        Platform::Buildkite | Platform::Circleci | Platform::Generic | Platform::Local => {
            ("no SIGSTORE_ID_TOKEN", "give one with --identity-token @FILE, or sign with --key")
        }
    };
    CommandError::undecided("token-missing", format!("expected an identity token, found {found}")).hint(hint)
}

fn refused(error: &TokenError, platform: Platform) -> CommandError {
    let hint = match (error, platform) {
        (TokenError::Audience { .. }, Platform::Gitlab) => "write aud: sigstore in the job's id_tokens",
        (TokenError::Audience { .. }, _) => "ask for a token with the audience sigstore",
        (TokenError::Expired { .. }, _) => {
            "ask for the token right before it is used; those of CI live five to sixty minutes"
        }
        _ => "",
    };
    let exit = match error {
        TokenError::Format(_) => Exit::Usage,
        _ if error.is_refusal() => Exit::Denied,
        _ => Exit::Undecided,
    };
    let error = CommandError { exit, code: error.code(), message: error.to_string(), hint: None };
    if hint.is_empty() { error } else { error.hint(hint) }
}

fn file_text(file: &str) -> Result<Zeroizing<String>, CommandError> {
    let cap = u64::try_from(MAX_TOKEN).unwrap_or(u64::MAX);
    let bytes = read_capped(Path::new(file), cap).map_err(|error| CommandError::undecided(error.code(), error))?;
    text(bytes).ok_or_else(|| {
        CommandError::undecided("token-invalid", format!("expected an identity token in {file}, found no text"))
    })
}

fn text(bytes: Vec<u8>) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(bytes);
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// What a program of the platform prints: at most as long as a token, within the deadline. It is run by its arguments, by
/// no shell, and what it says on standard error is not repeated, since that may hold a token.
fn printed(program: &Program, total: Duration) -> Result<Zeroizing<String>, CommandError> {
    let failed = |found: String| {
        let message = format!("expected an identity token from {}, found {found}", command_line(program));
        CommandError::undecided("token-command-failed", message).hint(program.hint)
    };
    let child = Command::new(program.name)
        .args(program.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|error| failed(error.to_string()))?;
    let end = Instant::now() + total;
    let printed = output(&mut child, total);
    let status = ended(&mut child, end);
    match (printed, status) {
        (Some(bytes), _) if bytes.len() > MAX_TOKEN => Err(failed(format!("more than {MAX_TOKEN} bytes"))),
        (Some(bytes), Some(status)) if status.success() => text(bytes).ok_or_else(|| failed("no text".to_owned())),
        (_, Some(status)) if !status.success() => Err(failed(status.to_string())),
        _ => Err(failed(format!("nothing within {} seconds", total.as_secs()))),
    }
}

/// How the program ended; None when it had to be killed.
fn ended(child: &mut Child, end: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end => thread::sleep(STEP),
            Ok(None) | Err(_) => {
                // It may have ended just now; what matters is that it is not waited for any longer.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

fn command_line(program: &Program) -> String {
    format!("{} {}", program.name, program.arguments.join(" "))
}

/// What it prints until it closes its output, at most one byte more than a token has; None when it does not in time.
fn output(child: &mut Child, total: Duration) -> Option<Vec<u8>> {
    let mut stdout = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let cap = u64::try_from(MAX_TOKEN).unwrap_or(u64::MAX);
        let read = stdout.by_ref().take(cap.saturating_add(1)).read_to_end(&mut bytes);
        // Nobody listens any more where it took too long.
        let _ = send.send(read.ok().map(|_| bytes));
    });
    receive.recv_timeout(total).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// Claims `{"sub":"x","aud":"sigstore","exp":9999999999}`.
    const TOKEN: &str = "e30.eyJzdWIiOiJ4IiwiYXVkIjoic2lnc3RvcmUiLCJleHAiOjk5OTk5OTk5OTl9.c2ln";
    /// Claims `{"sub":"x","aud":"other","exp":9999999999}`.
    const OTHER: &str = "e30.eyJzdWIiOiJ4IiwiYXVkIjoib3RoZXIiLCJleHAiOjk5OTk5OTk5OTl9.c2ln";

    fn ask(given: Option<&str>, platform: Platform, variables: &[(&str, &str)]) -> Result<String, CommandError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = Environment::new(variables);
        let audience = Audience::Is(SIGSTORE_AUDIENCE);
        let wanted = Wanted { given, platform, environment: &environment, audience, total: LONG };
        token(&wanted, Timestamp::UNIX_EPOCH).map(|token| token.secret().to_owned())
    }

    fn code(given: Option<&str>, platform: Platform, variables: &[(&str, &str)]) -> Result<String, &'static str> {
        ask(given, platform, variables).map_err(|error| error.code)
    }

    #[test]
    fn the_first_source_decides() {
        let variable = (TOKEN_VARIABLE, TOKEN);
        assert_eq!(code(Some(TOKEN), Platform::Local, &[]), Ok(TOKEN.to_owned()));
        for platform in [Platform::Local, Platform::Gitlab, Platform::Github, Platform::Circleci] {
            assert_eq!(code(None, platform, &[variable]), Ok(TOKEN.to_owned()));
        }
        // What the user gives is used or refused; nothing else is looked for.
        assert_eq!(code(Some("x"), Platform::Local, &[variable]), Err("token-invalid"));
        assert_eq!(code(Some(""), Platform::Local, &[variable]), Err("token-invalid"));
        assert_eq!(code(Some(OTHER), Platform::Local, &[variable]), Err("token-audience"));
        assert_eq!(code(None, Platform::Local, &[(TOKEN_VARIABLE, OTHER)]), Err("token-audience"));
        assert_eq!(code(Some("@/nonexistent/token"), Platform::Local, &[variable]), Err("file-not-found"));
    }

    #[test]
    fn a_file_holds_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            let path = folder.path().join("token");
            std::fs::write(&path, bytes).unwrap();
            code(Some(&format!("@{}", path.display())), Platform::Local, &[])
        };
        assert_eq!(file(format!("{TOKEN}\n").as_bytes()), Ok(TOKEN.to_owned()));
        assert_eq!(file(b""), Err("token-invalid"));
        assert_eq!(file(b"\xff"), Err("token-invalid"));
        assert_eq!(file(&vec![b'a'; MAX_TOKEN + 1]), Err("file-too-large"));
    }

    #[test]
    fn what_is_usually_wrong_is_said() {
        let hint = |platform, variables: &[(&str, &str)]| {
            let error = ask(None, platform, variables).unwrap_err();
            assert_eq!((error.code, error.exit), ("token-missing", Exit::Undecided));
            error.hint.unwrap()
        };
        let request = ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.test");
        assert!(hint(Platform::Github, &[]).contains("id-token: write"));
        assert!(hint(Platform::Github, &[request]).contains("id-token: write"));
        assert!(hint(Platform::Github, &[("GITHUB_EVENT_NAME", "pull_request")]).contains("fork"));
        assert!(hint(Platform::Gitlab, &[]).contains("id_tokens"));
        assert!(hint(Platform::Jenkins, &[]).contains("--key"));
        assert!(hint(Platform::Local, &[]).contains("--identity-token"));
        let clear = [("ACTIONS_ID_TOKEN_REQUEST_URL", "http://ci.test"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "b")];
        assert_eq!(code(None, Platform::Github, &clear), Err("token-service-url-invalid"));
        let error = ask(Some(OTHER), Platform::Local, &[]).unwrap_err();
        assert!(!error.message.contains(OTHER) && error.hint.is_some());
    }

    #[test]
    fn programs_are_run_by_their_arguments_and_bounded() {
        let run = |script: &'static str, total: Duration| {
            let arguments: &'static [&'static str] = Box::leak(Box::new(["-c", script]));
            let program = Program { platform: Platform::Local, name: "sh", arguments, hint: "hint" };
            printed(&program, total).map(|text| text.to_string()).map_err(|error| (error.code, error.message))
        };
        assert_eq!(run("echo token", LONG).unwrap(), "token\n");
        let failed = |script, total, part: &str| {
            let (code, message) = run(script, total).unwrap_err();
            assert!(code == "token-command-failed" && message.contains(part), "{message}");
            assert!(!message.contains("2secret2"), "{message}");
        };
        failed("echo $((1+1))secret$((1+1)) >&2; exit 3", LONG, "3");
        failed("exit 1", LONG, "1");
        let start = Instant::now();
        failed("sleep 30", Duration::from_millis(200), "within 0 seconds");
        failed("echo x; exec >&-; sleep 30", Duration::from_millis(200), "within 0 seconds");
        failed("yes", LONG, "more than 65536 bytes");
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        let absent = Program { platform: Platform::Local, name: "no-such-program-here", arguments: &[], hint: "h" };
        assert_eq!(printed(&absent, LONG).unwrap_err().code, "token-command-failed");
    }

    #[test]
    fn each_program_is_of_one_platform() {
        for program in PROGRAMS {
            assert!(program.arguments.iter().any(|argument| argument.contains(SIGSTORE_AUDIENCE)));
            assert!(PROGRAMS.iter().filter(|other| other.platform == program.platform).count() == 1);
        }
    }
}
