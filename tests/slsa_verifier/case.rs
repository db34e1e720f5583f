//! One recorded case: how it is typed for the program, and what the program answers.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A line of a file of cases.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) function: String,
    pub(crate) expected: String,
    pub(crate) needs_log: bool,
    pub(crate) waived: String,
    row: Value,
}

/// What the program said.
pub(crate) enum Verdict {
    Accepted,
    Refused { name: String, text: String },
}

impl Verdict {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Accepted => "ok",
            Self::Refused { name, .. } => name,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("ok"),
            Self::Refused { name, text } => write!(f, "{name}: {}", text.trim().replace('\n', " | ")),
        }
    }
}

/// Whether the program runs without any network.
#[derive(Clone, Copy)]
pub(crate) enum Cut {
    Namespace,
    NotHere,
}

impl Cut {
    /// A network namespace of its own has no interface that is up.
    pub(crate) fn find() -> Self {
        let tried = Command::new("unshare").args(["-rn", "true"]).output();
        if tried.is_ok_and(|output| output.status.success()) { Self::Namespace } else { Self::NotHere }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Namespace => "cut, each case in a network namespace of its own",
            Self::NotHere => "not cut: unshare is not permitted here",
        }
    }
}

impl Case {
    pub(crate) fn read(line: &str) -> Self {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("id"),
            function: text("test_function"),
            expected: text("expected"),
            needs_log: row["needs_network"].as_bool().unwrap_or(false),
            waived: text("verdict_if_tlog_is_waived"),
            row,
        }
    }

    pub(crate) fn accepted(&self) -> bool {
        if self.needs_log { self.waived == "ok" } else { self.expected == "ok" }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.row[name].as_str()
    }

    /// Runs the program as the case has it.
    pub(crate) fn run(&self, data: &Path, foreign: &Path, cut: Cut, more: &[&str]) -> Verdict {
        Self::answer(&self.arguments(data, foreign), cut, more)
    }

    /// The layout and the digest of a case about an image in a layout.
    pub(crate) fn layout(&self) -> Option<(&str, &str)> {
        if self.text("command") != Some("verify-image") || self.text("provenance").is_some() {
            return None;
        }
        let digest = self.text("image_ref")?.rsplit_once('@')?.1;
        Some((self.row["artifacts"].get(0)?.as_str()?, digest))
    }

    /// What stands behind the name of an image whose provenance is a file of Google Cloud Build: `@` and its digest, or nothing.
    pub(crate) fn google(&self) -> Option<&str> {
        let image = self.text("image_ref").filter(|_| self.text("provenance_kind") == Some("gcloud-json"))?;
        Some(image.find('@').map_or("", |at| &image[at..]))
    }

    /// Runs the program as the case has it, about an image under another name.
    pub(crate) fn run_named(&self, data: &Path, foreign: &Path, cut: Cut, image: &str) -> Verdict {
        let mut arguments = self.arguments(data, foreign);
        *arguments.last_mut().unwrap() = image.to_owned();
        Self::answer(&arguments, cut, &[])
    }

    fn answer(arguments: &[String], cut: Cut, more: &[&str]) -> Verdict {
        let program = env!("CARGO_BIN_EXE_sealmark");
        let mut command = match cut {
            Cut::Namespace => {
                let mut command = Command::new("unshare");
                command.args(["-rn", program]);
                command
            }
            Cut::NotHere => Command::new(program),
        };
        crate::support::hermetic(&mut command);
        let output = command.args(arguments).args(more).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) if text.contains("PASSED: SLSA verification passed") => Verdict::Accepted,
            Some(1) => {
                let said = text.rsplit("FAILED: SLSA verification failed: ").next().unwrap_or_default();
                let name = said.split([':', ' ']).next().unwrap_or_default().to_owned();
                Verdict::Refused { name, text }
            }
            code => Verdict::Refused { name: format!("exit {code:?}"), text },
        }
    }

    fn arguments(&self, data: &Path, foreign: &Path) -> Vec<String> {
        let command = self.text("command").unwrap();
        let below = |path: &str| data.join(path).display().to_string();
        let present = |path: &str| if data.join(path).exists() { below(path) } else { foreign.display().to_string() };
        let artifacts: Vec<&str> =
            self.row["artifacts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut arguments = vec![command.to_owned()];
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                arguments.push(format!("--{name}={value}"));
            }
        };
        let own = |name: &str| self.text(name).map(str::to_owned);
        flag("source-uri", own("source"));
        flag("source-branch", own("branch"));
        flag("source-tag", own("tag"));
        flag("source-versioned-tag", own("versioned_tag"));
        flag("package-name", own("package_name"));
        flag("package-version", own("package_version"));
        for (key, value) in self.row["inputs"].as_object().into_iter().flatten() {
            flag("build-workflow-input", value.as_str().map(|value| format!("{key}={value}")));
        }
        let builder = own("builder_id");
        flag("builder-id", builder.or_else(|| (command == "verify-github-attestation").then(String::new)));
        if self.row["env"]["SLSA_VERIFIER_TESTING"] == "1" {
            flag("allow-builder-ref", Some("refs/heads/main".to_owned()));
            flag("allow-builder-ref", Some("pre-release".to_owned()));
        }
        let provenance = self.text("provenance").map(below);
        match command {
            "verify-image" => {
                let image = self.text("image_ref").unwrap();
                match (provenance, artifacts.first()) {
                    (Some(provenance), _) => {
                        arguments.extend([format!("--provenance-path={provenance}"), image.to_owned()]);
                    }
                    (None, Some(layout)) => {
                        let digest = image.rsplit_once('@').map_or("", |(_, digest)| digest);
                        arguments.push(format!("oci-layout:{}@{digest}", below(layout)));
                    }
                    (None, None) => arguments.push(image.to_owned()),
                }
            }
            "verify-vsa" => self.summary(&mut arguments, data),
            "verify-npm-package" => {
                arguments.extend(provenance.map(|path| format!("--attestations-path={path}")));
                arguments.extend(artifacts.iter().map(|path| present(path)));
            }
            "verify-github-attestation" => {
                arguments.extend(provenance.map(|path| format!("--attestation-path={path}")));
                arguments.extend(artifacts.iter().map(|path| present(path)));
            }
            _ => {
                arguments.extend(provenance.map(|path| format!("--provenance-path={path}")));
                arguments.extend(artifacts.iter().map(|path| present(path)));
            }
        }
        arguments
    }

    fn summary(&self, arguments: &mut Vec<String>, data: &Path) {
        let vsa = &self.row["vsa"];
        let below = |path: &str| data.join(path).display().to_string();
        let list = |name: &str| vsa[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        arguments.extend(self.text("provenance").map(|path| format!("--attestation-path={}", below(path))));
        arguments.extend(list("subject_digests").map(|digest| format!("--subject-digest={digest}")));
        arguments.extend(list("verified_levels").map(|level| format!("--verified-level={level}")));
        for (flag, name) in
            [("verifier-id", "verifier_id"), ("resource-uri", "resource_uri"), ("public-key-id", "public_key_id")]
        {
            arguments.push(format!("--{flag}={}", vsa[name].as_str().unwrap_or_default()));
        }
        let key = vsa["public_key_path"].as_str().map(below).unwrap_or_default();
        arguments.push(format!("--public-key-path={key}"));
    }
}
