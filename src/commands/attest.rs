//! `sealmark attest`: sign, verify what was signed, write or attach.

mod attached;
pub(super) mod keyless;
mod output;
mod told;

use std::collections::BTreeSet;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::attest;
use crate::attest::AttestError;
use crate::attest::Attested;
use crate::attest::Claim;
use crate::attest::Form;
use crate::attest::Signer;
use crate::attest::document::Document;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::attaching;
use crate::commands::attaching::ImageArgs;
use crate::commands::attaching::Manner;
use crate::commands::attest::keyless::KeylessArgs;
use crate::commands::attest::keyless::Session;
use crate::commands::attest::output::Each;
use crate::commands::attest::output::OutputArgs;
use crate::commands::attest::output::Plan;
use crate::commands::build;
use crate::commands::build::BuildArgs;
use crate::commands::build::Seen;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate;
use crate::commands::identity;
use crate::commands::private_key;
use crate::commands::run::RunArgs;
use crate::commands::subjects::SubjectArgs;
use crate::commands::subjects::Subjects;
use crate::commands::terminal;
use crate::formats::artifact::Artifact;
use crate::formats::digest::Algorithm;
use crate::formats::jwt::TokenClaims;
use crate::formats::predicate_type;
use crate::formats::statement::Statement;
use crate::generate::ci::Environment;
use crate::generate::ci::Platform;
use crate::generate::facts::BuildFacts;
use crate::generate::wrap::Ran;
use crate::remote::token::IdToken;
use crate::store::file::read_capped;
use crate::store::parallel::in_parallel;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Images are resolved once, and each has an attestation of its own, attached to it where it is, \
    unless --output names a file. Everything is signed and verified before anything is attached or written. Exit codes: 0 \
    attested, 1 a check refused it, 2 the command line or an input is wrong, 3 a registry, a service or a file could not be \
    used."
)]
pub(super) struct Args {
    #[command(flatten)]
    subjects: SubjectArgs,

    /// Private key in PEM, plain or encrypted; a password is read from SEALMARK_PASSWORD, COSIGN_PASSWORD or the terminal.
    /// Without it, the identity of this job or person is certified for a key that is used once
    #[arg(long, value_name = "FILE", conflicts_with = "KeylessArgs", value_parser = NonEmptyStringValueParser::new())]
    key: Option<String>,

    /// Sign this predicate, a JSON object, in place of provenance
    #[arg(long, value_name = "FILE", requires = "predicate_type", conflicts_with_all = ["statement", "BuildArgs", "RunArgs"],
          help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    predicate: Option<String>,

    /// Type of the predicate: a word such as spdxjson, cyclonedx, vuln, openvex, or a URI
    #[arg(long = "type", value_name = "TYPE", requires = "predicate", help_heading = "Attestation",
          value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,

    /// Sign this whole Statement as it is; every SUBJECT given must be one of its subjects
    #[arg(long, value_name = "FILE", conflicts_with_all = ["BuildArgs", "RunArgs"], help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    statement: Option<String>,

    /// Make an attestation of its own for each subject, as PyPI asks for
    #[arg(long, conflicts_with = "statement", help_heading = "Attestation")]
    single_subject: bool,

    #[command(flatten)]
    build: BuildArgs,

    #[command(flatten)]
    run: RunArgs,

    #[command(flatten)]
    keyless: KeylessArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    images: ImageArgs,

    /// Print the Statement that would be signed and everything that would be sent and written, and stop before that
    #[arg(long, conflicts_with = "RunArgs", help_heading = "Output")]
    dry_run: bool,
}

/// What is to be signed, before it is known who signs.
enum Source<'a> {
    Build(Box<Seen>),
    Predicate { predicate_type: &'a str, text: Vec<u8> },
    Document { predicate_type: &'a str, document: Box<Document> },
    Statement(Vec<u8>),
}

/// What is signed, as it was read.
enum Material<'a> {
    Provenance(Box<BuildFacts>),
    Predicate { predicate_type: &'a str, text: Vec<u8> },
    Document { predicate_type: &'a str, document: Box<Document> },
    Statement(Vec<u8>),
}

/// Who signs, before anything is asked of anybody.
pub(super) enum Credentials<'a> {
    /// The file of a private key.
    Key(&'a str),
    Keyless(Box<Session>),
}

impl Credentials<'_> {
    /// What signing without a key takes.
    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Key(_) => None,
            Self::Keyless(session) => Some(session),
        }
    }

    /// Signs each item: with a key one after the other, without one a few at a time, under one certificate. Whatever could be
    /// a usage error is found before: from here on services are asked.
    ///
    /// # Errors
    /// Those of keys and services, and the first of `sign`.
    pub(super) fn sign<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        sign: impl Fn(Signer<'_>, T) -> Result<R, AttestError> + Sync,
    ) -> Result<Vec<R>, CommandError> {
        match self {
            Self::Key(path) => {
                let key = private_key::read(path)?;
                let signed = items.into_iter().map(|item| sign(Signer::Key(&key), item));
                signed.collect::<Result<_, _>>().map_err(|error| build::attest(&error))
            }
            Self::Keyless(session) => {
                let permit = session.ask()?;
                let certified = session.certify(&permit)?;
                let signer =
                    Signer::Keyless { certified: &certified, services: session.services(), roots: session.roots() };
                let signed = in_parallel(items, keyless::AT_ONCE, |item| sign(signer, item));
                signed.into_iter().collect::<Result<_, _>>().map_err(|error| keyless::refused(&error))
            }
        }
    }
}

pub(super) use output::write_line;
pub(super) use told::sent;
pub(super) use told::signer;
pub(super) use told::trusting;
pub(super) use told::verified;

pub(super) fn run(args: &Args) -> Outcome {
    args.output.check()?;
    args.subjects.check(&args.run)?;
    let images = attached::named(args)?;
    let environment = build::environment();
    let platform = platform(args, &environment)?;
    let source = source(args, platform)?;
    // What cannot be a token is found before a command runs for an hour.
    let given = identity::given(args.keyless.given(), platform, &environment)?;
    let ran = args.run.run(&args.subjects.subjects)?;
    let targets = images.as_deref().map(|images| attached::resolve(args, images)).transpose()?;
    let subjects = match &targets {
        Some(targets) => attached::subjects(args, targets)?,
        None => subjects(args, &source, &environment)?,
    };
    let artifacts = subjects.artifacts.as_slice();
    // Somebody else's Statement is signed once, whatever it is attached to.
    let single = args.single_subject || (targets.is_some() && args.statement.is_none());
    let groups: Vec<&[Artifact]> = if single { artifacts.chunks(1).collect() } else { vec![artifacts] };
    let plan = plan(args, &groups, targets.is_some())?;
    let read = [args.key.as_deref(), args.predicate.as_deref(), args.statement.as_deref()];
    let read: Vec<&str> = read.into_iter().flatten().collect();
    plan.iter().try_for_each(|plan| plan.look(artifacts, &read))?;
    // The facts come out of the token where there is one, and a token does not last: it is asked for after the command,
    // and of the platform alone. Nothing public is asked for anything yet.
    let credentials = match &args.key {
        Some(path) => Credentials::Key(path),
        None => Credentials::Keyless(Box::new(args.keyless.open(platform, &environment)?)),
    };
    let claims = credentials.session().map(Session::claims).or(given.as_ref().map(IdToken::claims));
    let material = material(args, source, ran.as_ref(), &environment, claims)?;
    if let Material::Provenance(facts) = &material {
        let mut rows = generate::subject_rows(&subjects);
        rows.extend(facts.explain());
        build::refuse_secrets(&rows)?;
    }
    if let (Some(_), Some(session), Manner::Legacy) = (&targets, credentials.session(), args.images.manner()) {
        attaching::legacy_carries(session.selected())?;
    }
    let claim = claim(&material, args);
    if args.dry_run {
        return told::dry_run(&groups, claim, plan.as_ref(), targets.as_deref(), credentials.session());
    }
    let attested = sign(&credentials, groups, claim, args.output.form())?;
    plan.iter().try_for_each(|plan| plan.write(&attested))?;
    match &targets {
        Some(targets) => attached::attach(args, targets, &attested, plan.as_ref()),
        None => {
            let told = plan.as_ref().map(|plan| told::summary(args, plan, &attested)).unwrap_or_default();
            terminal::print(told.as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

fn platform(args: &Args, environment: &Environment) -> Result<Platform, CommandError> {
    let foreign = args.predicate.is_some() || args.statement.is_some();
    match (foreign, &args.key) {
        (false, _) => args.build.platform(environment),
        (true, None) => args.build.signing_platform(environment),
        (true, Some(_)) => Ok(Platform::Generic),
    }
}

/// Where it is written; None where it is attached alone.
fn plan<'a>(args: &'a Args, groups: &[&[Artifact]], attached: bool) -> Result<Option<Plan<'a>>, CommandError> {
    if !attached {
        let each = if args.single_subject { Each::Group } else { Each::All };
        return Plan::new(&args.output, &args.subjects.subjects, groups, each).map(Some);
    }
    args.output.check_attached(groups.len())?;
    if !args.output.is_named() {
        return Ok(None);
    }
    Plan::new(&args.output, &[], groups, Each::All).map(Some)
}

/// Signs each group of subjects.
fn sign(
    credentials: &Credentials<'_>,
    groups: Vec<&[Artifact]>,
    claim: Claim<'_>,
    form: Form,
) -> Result<Vec<Attested>, CommandError> {
    // The statements are made once before anything public is asked, so that a usage error sends nothing.
    for (artifacts, session) in groups.iter().filter_map(|artifacts| Some((artifacts, credentials.session()?))) {
        attest::check(artifacts, claim, session.services()).map_err(|error| build::attest(&error))?;
    }
    credentials.sign(groups, |signer, artifacts| attest::attest(signer, artifacts, claim, form, Timestamp::now))
}

fn claim<'a>(material: &'a Material<'_>, args: &Args) -> Claim<'a> {
    match material {
        Material::Provenance(facts) => Claim::Provenance(facts, args.build.edition()),
        Material::Predicate { predicate_type, text } => Claim::Predicate { predicate_type, predicate: text },
        Material::Document { predicate_type, document } => Claim::Document { predicate_type, document },
        Material::Statement(text) => Claim::Statement(text),
    }
}

/// What the user named to be signed, read before any command runs.
fn source(args: &Args, platform: Platform) -> Result<Source<'_>, CommandError> {
    let file =
        |path: &str| read_capped(Path::new(path), output::max_bytes()).map_err(|error| artifacts::file_refused(&error));
    Ok(match (&args.statement, &args.predicate, &args.predicate_type) {
        (Some(statement), _, _) => Source::Statement(file(statement)?),
        (None, Some(predicate), Some(word)) => {
            let predicate_type = predicate_type::written(word).ok_or_else(|| {
                let words: Vec<_> = predicate_type::TABLE.iter().map(|row| row.word).collect();
                let message = format!("expected a known word or a URI, found --type {word}");
                let refused = CommandError::usage("policy-predicate-type", message);
                match predicate_type::read(word) {
                    Some(_) => refused.hint("a signature says nothing in a predicate: sealmark sign makes one"),
                    None => refused.hint(format!("words are {}", words.join(", "))),
                }
            })?;
            let long = Document::open(Path::new(predicate), output::max_bytes(), predicate_type);
            match long.map_err(|error| artifacts::file_refused(&error))? {
                Some(document) => Source::Document { predicate_type, document: Box::new(document) },
                None => Source::Predicate { predicate_type, text: file(predicate)? },
            }
        }
        (None, _, _) => Source::Build(Box::new(args.build.look(platform)?)),
    })
}

fn material<'a>(
    args: &Args,
    source: Source<'a>,
    ran: Option<&Ran>,
    environment: &Environment,
    claims: Option<&TokenClaims>,
) -> Result<Material<'a>, CommandError> {
    let seen = match source {
        Source::Statement(text) => return Ok(Material::Statement(text)),
        Source::Predicate { predicate_type, text } => return Ok(Material::Predicate { predicate_type, text }),
        Source::Document { predicate_type, document } => return Ok(Material::Document { predicate_type, document }),
        Source::Build(seen) => seen,
    };
    Ok(Material::Provenance(Box::new(args.build.facts(*seen, environment, claims, ran)?)))
}

/// The artifacts; for somebody else's Statement they are hashed with whatever it names them by.
fn subjects(args: &Args, source: &Source<'_>, environment: &Environment) -> Result<Subjects, CommandError> {
    /// What is computed and a Statement may name a file by.
    const COMPUTED: [Algorithm; 7] = [
        Algorithm::GitBlob,
        Algorithm::Sha384,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
        Algorithm::Sha512,
        Algorithm::Sha512_256,
    ];
    if args.statement.is_some() && args.subjects.is_empty(environment) {
        return Ok(Subjects { artifacts: Vec::new(), given: BTreeSet::new() });
    }
    let mut also = Vec::new();
    if let Source::Statement(text) = source {
        let refused = |error| build::attest(&AttestError::Format(error));
        let statement = Statement::parse(text.as_slice().into()).map_err(refused)?;
        let named = |one: &Algorithm| statement.subjects.iter().any(|subject| subject.digest.get(*one).is_some());
        also.extend(COMPUTED.into_iter().filter(named));
    }
    args.subjects.artifacts(environment, &also)
}
