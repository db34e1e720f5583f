//! `sealmark doctor`: what this machine or job has and lacks to sign, attach and verify.

mod checks;
mod registries;
mod seen;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::commands::Outcome;
use crate::commands::doctor::seen::Seen;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::terminal;
use crate::commands::verify::Format;
use crate::report::doctor::DoctorReport;
use crate::report::doctor::Purpose;
use crate::report::json;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Without --online no connection is opened. No secret is shown, nor any part of one: of a token its \
    claims, of credentials the hosts that they are for. Exit codes: 0 nothing that was asked about is lacking, 1 something \
    is, 2 a flag is wrong."
)]
pub(super) struct Args {
    /// What is to be done here; repeatable
    #[arg(long = "for", value_name = "PURPOSE", value_delimiter = ',', default_values = ["sign", "verify"])]
    purposes: Vec<Wanted>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,

    /// What to believe: public-good (the default), github, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", value_parser = NonEmptyStringValueParser::new())]
    trust: Vec<String>,

    /// Services that sign, in place of those of Sigstore's public instance
    #[arg(long, value_name = "FILE", help_heading = "Services", value_parser = NonEmptyStringValueParser::new())]
    signing_config: Option<String>,

    /// Certificate authority
    #[arg(long, value_name = "URL", help_heading = "Services", value_parser = NonEmptyStringValueParser::new())]
    fulcio_url: Option<String>,

    /// Transparency log
    #[arg(long, value_name = "URL", help_heading = "Services", value_parser = NonEmptyStringValueParser::new())]
    rekor_url: Option<String>,

    /// Timestamp authority
    #[arg(long, value_name = "URL", help_heading = "Services", value_parser = NonEmptyStringValueParser::new())]
    timestamp_url: Option<String>,

    /// Ask each service for something harmless, and compare its clock with this one; opens connections
    #[arg(long, help_heading = "Services")]
    online: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Wanted {
    /// Sign without a key
    Sign,
    /// Attach to an image or a release
    Attach,
    /// Verify
    Verify,
}

pub(super) fn run(args: &Args) -> Outcome {
    let seen = Seen::gather(args, Timestamp::now());
    let lines = checks::CHECKS.iter().flat_map(|check| check(&seen)).collect();
    let purpose = |wanted: &Wanted| match wanted {
        Wanted::Sign => Purpose::Sign,
        Wanted::Attach => Purpose::Attach,
        Wanted::Verify => Purpose::Verify,
    };
    let mut asked: Vec<Purpose> = args.purposes.iter().map(purpose).collect();
    asked.sort_unstable();
    asked.dedup();
    let report = DoctorReport::new(seen.now, asked, lines);
    let mut text = Vec::new();
    let written = match args.format {
        Format::Human => report.human(&mut text),
        Format::Json => json::write(&report, &mut text),
    };
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    terminal::print(&text)?;
    Ok(if report.ready { Exit::Done } else { Exit::Denied })
}
