//! Facts about a build whose command sealmark ran itself; `docs/buildtypes/run-v1.md` describes the build type.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::digest::Digest;
use crate::generate::GenerateError;
use crate::generate::facts::Backing;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Parameters;
use crate::generate::facts::Source;

/// The build type of a command that sealmark ran.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/run/v1";

/// Most words of a command line.
pub const MAX_WORDS: usize = 10_000;

/// Longest command line, all its words together, in bytes.
pub const MAX_COMMAND: usize = 256 * 1024;

/// Most variables that are recorded.
pub const MAX_VARIABLES: usize = 1_000;

/// Longest name of a variable, in bytes.
pub const MAX_VARIABLE_NAME: usize = 128;

/// Longest value of a variable, in bytes.
pub const MAX_VARIABLE: usize = 64 * 1024;

/// Most inputs that are recorded.
pub const MAX_INPUTS: usize = 10_000;

/// Variables that are recorded when they are set: they change what compilers and build tools make, they mean the same on
/// every platform, and no tool takes a credential from them. There are no patterns: `CARGO_*` would also be
/// `CARGO_REGISTRY_TOKEN`.
pub const LISTED: &[&str] = &[
    "AR",
    "ARCH",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS",
    "CARGO_PROFILE_RELEASE_DEBUG",
    "CARGO_PROFILE_RELEASE_LTO",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL",
    "CARGO_PROFILE_RELEASE_PANIC",
    "CARGO_PROFILE_RELEASE_STRIP",
    "CC",
    "CFLAGS",
    "CGO_CFLAGS",
    "CGO_CPPFLAGS",
    "CGO_CXXFLAGS",
    "CGO_ENABLED",
    "CGO_LDFLAGS",
    "CPPFLAGS",
    "CROSS_COMPILE",
    "CXX",
    "CXXFLAGS",
    "FFLAGS",
    "GOAMD64",
    "GOARCH",
    "GOARM",
    "GOARM64",
    "GOEXPERIMENT",
    "GOFLAGS",
    "GOOS",
    "GOTOOLCHAIN",
    "LANG",
    "LC_ALL",
    "LD",
    "LDFLAGS",
    "MAKEFLAGS",
    "NODE_ENV",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "SETUPTOOLS_SCM_PRETEND_VERSION",
    "SOURCE_DATE_EPOCH",
    "STRIP",
    "TZ",
];

/// A command that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The program as it was typed, and its arguments. No shell has seen them.
    pub argv: Vec<String>,
    /// How it ended; an attested one ends with 0.
    pub exit_status: i32,
    /// When it was started.
    pub started: Timestamp,
    /// When it had ended.
    pub finished: Timestamp,
    /// Where it ran, below the root of the checkout, with `/`; `.` is the root. None outside a checkout: paths of the
    /// machine are not recorded.
    pub directory: Option<String>,
    /// Variables that it saw, no more than are to be recorded.
    pub environment: Vec<Variable>,
    /// What was executed.
    pub program: Program,
    /// Files that it was given, the same before and after.
    pub inputs: Vec<Input>,
}

/// A variable of the environment that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Why it is recorded.
    pub chosen: Chosen,
}

/// Why a variable is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// It is one of [`LISTED`].
    Listed(&'static str),
    /// The user named it with `--env`.
    Named,
}

/// The file that was executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name without folders.
    pub name: String,
    /// What it is, the same before and after.
    pub digest: Digest,
}

/// A file that the command was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name, relative to what the user named.
    pub name: String,
    /// Its digests.
    pub digests: Vec<Digest>,
}

/// `externalParameters` of a command that sealmark ran; a key that is not here is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExternalParameters {
    /// The command.
    pub run: CommandParameters,
    /// The build that the command was a part of, as the platform's own build type describes it.
    pub build: WrappedBuild,
}

/// `externalParameters.run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandParameters {
    /// The program as it was typed, and its arguments; no shell has seen them.
    pub argv: Vec<String>,
    /// Where it ran, below the root of the checkout; `.` is the root. Absent outside a checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Variables of its environment: the listed ones that were set, and those that `--env` names. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
}

/// `externalParameters.build`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WrappedBuild {
    /// How the parameters are to be read.
    pub build_type: String,
    /// The parameters of that build type. Absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_parameters: Option<Map<String, Value>>,
}

/// The facts of a build, with the command that was run in it: what `base` says of the parameters moves below
/// `externalParameters.build`, everything else of it stays, and the command's times stand for the build's.
///
/// # Errors
/// `command-failed`, `run-too-large`, `run-invalid`, `times-reversed`.
pub fn facts(base: BuildFacts, ran: &Ran) -> Result<BuildFacts, GenerateError> {
    check(ran)?;
    let mut external = Parameters::default();
    external.insert(["run", "argv"], of_run(Value::from(ran.argv.clone())));
    if let Some(directory) = &ran.directory {
        external.insert(["run", "directory"], of_run(Value::from(directory.as_str())));
    }
    for variable in &ran.environment {
        let value = Value::from(variable.value.as_str());
        let fact = match variable.chosen {
            Chosen::Listed(name) => Fact::variable(value, name),
            Chosen::Named => Fact { value, source: Source::Option("--env"), backing: Backing::Job },
        };
        external.insert(["run", "environment", &variable.name], fact);
    }
    let Fact { value, source, backing } = base.build_type;
    external.insert(["build", "buildType"], Fact { value: Value::from(value), source, backing });
    external.graft(["build", "externalParameters"], base.external_parameters);
    let mut internal = base.internal_parameters;
    internal.insert(["exitStatus"], of_run(Value::from(ran.exit_status)));
    let mut dependencies = base.dependencies;
    dependencies.push(dependency(format!("program/{}", ran.program.name), std::slice::from_ref(&ran.program.digest)));
    dependencies.extend(ran.inputs.iter().map(|input| dependency(format!("input/{}", input.name), &input.digests)));
    let build_type =
        Fact { value: BUILD_TYPE.to_owned(), source: Source::BuilderConstant, backing: Backing::Definition };
    Ok(BuildFacts {
        build_type,
        external_parameters: external,
        internal_parameters: internal,
        dependencies,
        started_on: Some(of_run(ran.started)),
        finished_on: Some(of_run(ran.finished)),
        ..base
    })
}

fn of_run<T>(value: T) -> Fact<T> {
    Fact::word(value, Source::Run)
}

fn dependency(name: String, digests: &[Digest]) -> Dependency {
    let digest = |digest: &Digest| Fact { value: digest.clone(), source: Source::File, backing: Backing::Recomputable };
    Dependency {
        name: Some(of_run(name)),
        uri: None,
        digests: digests.iter().map(digest).collect(),
        media_type: None,
        annotations: BTreeMap::new(),
    }
}

fn check(ran: &Ran) -> Result<(), GenerateError> {
    if ran.exit_status != 0 {
        return Err(GenerateError::RunFailed { found: ran.exit_status });
    }
    let invalid = |expected, found: &str| {
        let found = found.chars().take(MAX_VARIABLE_NAME).collect();
        Err(GenerateError::RunInvalid { expected, found })
    };
    let Some(program) = ran.argv.first().filter(|word| !word.is_empty()) else {
        return invalid("a command that names a program", "");
    };
    if ran.argv.iter().any(|word| word.contains('\0')) {
        return invalid("words of a command without NUL", program);
    }
    let bytes = ran.argv.iter().map(String::len).fold(0, usize::saturating_add);
    let value = ran.environment.iter().map(|variable| variable.value.len()).max().unwrap_or_default();
    for (what, limit, unit, found) in [
        ("the command line", MAX_WORDS, "words", ran.argv.len()),
        ("the command line", MAX_COMMAND, "bytes", bytes),
        ("the environment", MAX_VARIABLES, "recorded variables", ran.environment.len()),
        ("a variable", MAX_VARIABLE, "bytes", value),
        ("the inputs", MAX_INPUTS, "files", ran.inputs.len()),
    ] {
        if found > limit {
            return Err(GenerateError::RunTooLarge { what, limit, unit, found });
        }
    }
    if let Some(variable) = ran.environment.iter().find(|variable| !is_name(&variable.name)) {
        return invalid("the name of a variable: letters, digits and _, at most 128 bytes", &variable.name);
    }
    if ran.finished < ran.started {
        return Err(GenerateError::TimesReversed { started_on: ran.started, finished_on: ran.finished });
    }
    Ok(())
}

/// Whether a variable can be called this (POSIX.1-2024, 8.1).
pub fn is_name(text: &str) -> bool {
    let spelt = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    first && text.len() <= MAX_VARIABLE_NAME && text.bytes().all(spelt)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::generate::local::LocalBuild;
    use crate::generate::local::Overrides;

    fn base() -> BuildFacts {
        let build = LocalBuild {
            git: None,
            parameters: &BTreeMap::from([("profile".to_owned(), "release".to_owned())]),
            sealmark_version: "0.1.0",
            invocation_id: None,
            started_on: None,
            finished_on: None,
            overrides: &Overrides::default(),
        };
        build.facts().unwrap()
    }

    fn ran() -> Ran {
        let digest = |byte: &str| Digest::parse(&format!("sha256:{}", byte.repeat(32))).unwrap();
        Ran {
            argv: ["make", "-j2", "dist"].map(str::to_owned).to_vec(),
            exit_status: 0,
            started: "2026-10-04T11:32:07.25Z".parse().unwrap(),
            finished: "2026-10-04T11:32:09Z".parse().unwrap(),
            directory: Some("packages/app".to_owned()),
            environment: vec![
                Variable { name: "CFLAGS".to_owned(), value: "-O2".to_owned(), chosen: Chosen::Listed("CFLAGS") },
                Variable { name: "FLAVOUR".to_owned(), value: "full".to_owned(), chosen: Chosen::Named },
            ],
            program: Program { name: "make".to_owned(), digest: digest("aa") },
            inputs: vec![Input { name: "model.bin".to_owned(), digests: vec![digest("bb")] }],
        }
    }

    #[test]
    fn the_command_stands_beside_the_build_that_it_was_part_of() {
        let predicate = facts(base(), &ran()).unwrap().predicate();
        let definition = serde_json::to_value(&predicate.build_definition).unwrap();
        assert_eq!(
            definition,
            json!({
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "build": {
                        "buildType": "https://sealmark.dev/buildtypes/local/v1",
                        "externalParameters": {"parameters": {"profile": "release"}},
                    },
                    "run": {
                        "argv": ["make", "-j2", "dist"],
                        "directory": "packages/app",
                        "environment": {"CFLAGS": "-O2", "FLAVOUR": "full"},
                    },
                },
                "internalParameters": {"exitStatus": 0},
                "resolvedDependencies": [
                    {"name": "input/model.bin", "digest": {"sha256": "bb".repeat(32)}},
                    {"name": "program/make", "digest": {"sha256": "aa".repeat(32)}},
                ],
            })
        );
        let metadata = predicate.run_details.metadata.unwrap();
        assert_eq!(metadata.started_on.as_deref(), Some("2026-10-04T11:32:07.25Z"));
        assert_eq!(metadata.finished_on.as_deref(), Some("2026-10-04T11:32:09Z"));
        let external = Value::Object(predicate.build_definition.external_parameters);
        let read: ExternalParameters = serde_json::from_value(external.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap()["run"], external["run"]);
    }

    #[test]
    fn every_value_of_the_command_is_explained() {
        let rows = facts(base(), &ran()).unwrap().explain();
        let of = |pointer: &str| {
            let row = rows.iter().find(|row| row.pointer.ends_with(pointer)).unwrap_or_else(|| panic!("{pointer}"));
            (row.source.to_string(), row.backing)
        };
        assert_eq!(of("/run/argv"), ("the command as it ran".to_owned(), Backing::BuilderWord));
        assert_eq!(of("/environment/CFLAGS"), ("environment variable CFLAGS".to_owned(), Backing::Job));
        assert_eq!(of("/environment/FLAVOUR"), ("--env".to_owned(), Backing::Job));
        assert_eq!(of("/exitStatus"), ("the command as it ran".to_owned(), Backing::BuilderWord));
        assert_eq!(of("/resolvedDependencies/0/digest/sha256").1, Backing::Recomputable);
    }

    #[test]
    fn what_cannot_be_recorded_is_refused_by_its_code() {
        let long = "x".repeat(MAX_COMMAND + 1);
        let variable = |name: &str, value: &str| Variable {
            name: name.to_owned(),
            value: value.to_owned(),
            chosen: Chosen::Named,
        };
        let input = Input { name: "x".to_owned(), digests: vec![] };
        let table: Vec<(Ran, &str)> = vec![
            (Ran { exit_status: 1, ..ran() }, "command-failed"),
            (Ran { argv: vec![], ..ran() }, "run-invalid"),
            (Ran { argv: vec![String::new()], ..ran() }, "run-invalid"),
            (Ran { argv: vec!["make".to_owned(), "a\0b".to_owned()], ..ran() }, "run-invalid"),
            (Ran { argv: vec!["x".to_owned(); MAX_WORDS + 1], ..ran() }, "run-too-large"),
            (Ran { argv: vec![long], ..ran() }, "run-too-large"),
            (Ran { environment: vec![variable("A=B", "")], ..ran() }, "run-invalid"),
            (Ran { environment: vec![variable("", "")], ..ran() }, "run-invalid"),
            (Ran { environment: vec![variable("A", &"x".repeat(MAX_VARIABLE + 1))], ..ran() }, "run-too-large"),
            (Ran { environment: vec![variable("A", ""); MAX_VARIABLES + 1], ..ran() }, "run-too-large"),
            (Ran { inputs: vec![input; MAX_INPUTS + 1], ..ran() }, "run-too-large"),
            (Ran { finished: "2026-10-04T11:32:07Z".parse().unwrap(), ..ran() }, "times-reversed"),
        ];
        for (n, (ran, code)) in table.into_iter().enumerate() {
            assert_eq!(facts(base(), &ran).unwrap_err().code(), code, "row {n}");
        }
    }

    #[test]
    fn listed_variables_are_sorted_and_hold_no_credential() {
        assert!(LISTED.is_sorted());
        for name in LISTED {
            assert!(is_name(name), "{name}");
            let words = ["TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL", "AUTH"];
            assert!(!words.iter().any(|word| name.contains(word)), "{name}");
        }
    }
}
