//! `sealmark policy check` and `sealmark policy lint`.

use jiff::Timestamp;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::policy::Args;
use crate::commands::policy::load;
use crate::commands::policy::print;
use crate::commands::verify::Format;
use crate::policy::document::lint;
use crate::policy::document::lint::Lint;
use crate::policy::document::model::Document;
use crate::policy::document::problem::Problems;
use crate::report::json;
use crate::report::policy_files::CheckReport;
use crate::report::policy_files::CheckedFile;
use crate::report::policy_files::PolicyName;

pub(super) fn check(args: &Args) -> Outcome {
    let report = read(args, |_| Vec::new())?;
    write(&report, args.format)?;
    Ok(if report.has_problems() { Exit::Usage } else { Exit::Done })
}

pub(super) fn lint(args: &Args) -> Outcome {
    let now = Timestamp::now();
    let report = read(args, |document| lint::lint(document, now))?;
    write(&report, args.format)?;
    Ok(match (report.has_problems(), report.has_errors()) {
        (true, _) => Exit::Usage,
        (false, true) => Exit::Denied,
        (false, false) => Exit::Done,
    })
}

fn read(args: &Args, look: impl Fn(&Document) -> Vec<Lint>) -> Result<CheckReport, CommandError> {
    let one = |file: &String| {
        let (policy, problems, lints) = match load::policy(file)? {
            Ok(document) => (Some(PolicyName::of(&document)), Vec::new(), look(&document)),
            Err(Problems(problems)) => (None, problems, Vec::new()),
        };
        Ok(CheckedFile { file: file.clone(), policy, problems, lints })
    };
    let files: Result<Vec<_>, CommandError> = args.files.iter().map(one).collect();
    Ok(CheckReport::new(files?))
}

fn write(report: &CheckReport, format: Format) -> Result<(), CommandError> {
    let mut text = Vec::new();
    let written = match format {
        Format::Human => report.human(&mut text),
        Format::Json => json::write(report, &mut text),
    };
    print(&text, written)
}
