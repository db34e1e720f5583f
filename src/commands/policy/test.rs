//! `sealmark policy test`: the cases beside a policy, each judged at its own time.

use std::path::Path;
use std::path::PathBuf;

use crate::assess::Where;
use crate::assess::document;
use crate::assess::document::DocumentRequest;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::policy::Args;
use crate::commands::policy::load;
use crate::commands::policy::print;
use crate::commands::verify::Format;
use crate::policy::document::cases;
use crate::policy::document::cases::Case;
use crate::policy::document::model::Document;
use crate::policy::document::outcome::Decision;
use crate::policy::document::problem::Problems;
use crate::report::Verdict;
use crate::report::json;
use crate::report::policy_files::CaseEnd;
use crate::report::policy_files::PolicyName;
use crate::report::policy_files::TestReport;
use crate::report::policy_files::TestedCase;
use crate::report::policy_files::TestedFile;
use crate::store::subjects::Located;
use crate::upgrade::Proofs;

pub(super) fn run(args: &Args) -> Outcome {
    let files: Result<Vec<_>, CommandError> = args.files.iter().map(|file| one(file)).collect();
    let report = TestReport::new(files?);
    let mut text = Vec::new();
    let written = match args.format {
        Format::Human => report.human(&mut text),
        Format::Json => json::write(&report, &mut text),
    };
    print(&text, written)?;
    Ok(match (report.has_problems(), report.failed) {
        (true, _) => Exit::Usage,
        (false, 0) => Exit::Done,
        (false, _) => Exit::Denied,
    })
}

fn one(file: &str) -> Result<TestedFile, CommandError> {
    let refused =
        |file: &str, problems| TestedFile { file: file.to_owned(), policy: None, problems, cases: Vec::new() };
    let document = match load::policy(file)? {
        Ok(document) => document,
        Err(Problems(problems)) => return Ok(refused(file, problems)),
    };
    let path = cases_of(file);
    let name = path.display().to_string();
    if !path.exists() {
        let message = format!("expected the cases of {file} in {name}, found no such file");
        return Err(CommandError::usage("policy-cases-missing", message));
    }
    let cases = match load::tree(&name)?.and_then(|tree| cases::read(&tree)) {
        Ok(cases) => cases,
        Err(Problems(problems)) => return Ok(refused(&name, problems)),
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let cases: Result<Vec<_>, CommandError> = cases.iter().map(|case| judge(case, &document, folder)).collect();
    Ok(TestedFile { file: name, policy: Some(PolicyName::of(&document)), problems: Vec::new(), cases: cases? })
}

/// `NAME.test.yaml` beside `NAME.yaml`, and so for other endings.
fn cases_of(file: &str) -> PathBuf {
    let path = Path::new(file);
    let ending = path.extension().map_or_else(|| "test".into(), |ending| format!("test.{}", ending.display()));
    path.with_extension(ending)
}

fn judge(case: &Case, document: &Document, folder: &Path) -> Result<TestedCase, CommandError> {
    let artifacts = [Located::Digests { name: case.artifact.clone(), digests: case.digests.clone() }];
    let request = DocumentRequest {
        document,
        artifacts: &artifacts,
        attestations: &Where::Files(case.attestations.iter().map(|file| folder.join(file)).collect()),
        proofs: Proofs::InFiles,
        now: case.now,
        threads: artifacts::threads(),
    };
    let assessed = document::assess(&request, &|_| {});
    let assessed = assessed.map_err(|error| CommandError::undecided(error.code(), error))?;
    let outcome = assessed.outcomes.first();
    let decision = outcome.map_or(Decision::Undecided, |outcome| outcome.decision);
    let codes = match decision {
        Decision::Allowed => Vec::new(),
        Decision::Denied | Decision::Undecided => outcome.map(|outcome| outcome.codes()).unwrap_or_default(),
    };
    let found = CaseEnd { verdict: verdict(decision), codes: codes.into_iter().map(str::to_owned).collect() };
    let expected = CaseEnd { verdict: verdict(case.decision), codes: case.codes.clone().unwrap_or_default() };
    Ok(TestedCase { name: case.name.clone(), line: case.at.line, passed: found == expected, expected, found })
}

fn verdict(decision: Decision) -> Verdict {
    match decision {
        Decision::Allowed => Verdict::Allowed,
        Decision::Denied => Verdict::Denied,
        Decision::Undecided => Verdict::Undecided,
    }
}
