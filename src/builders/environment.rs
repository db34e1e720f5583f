//! The context of a GitHub Actions run, as predicates record it: words of whoever made the predicate.

use serde_json::Map;
use serde_json::Value;

use crate::formats::provenance::Provenance;

/// The variables of a run. v0.2 of the generic, Go and container generators writes `github_*`, all others `GITHUB_*`.
#[derive(Debug, Clone, Copy)]
pub struct GithubEnvironment<'a> {
    variables: &'a Map<String, Value>,
}

impl<'a> GithubEnvironment<'a> {
    /// The variables of a predicate: v0.2's `invocation.environment`, v1's `buildDefinition.internalParameters`.
    pub fn of(provenance: &'a Provenance) -> Option<Self> {
        let variables = match provenance {
            Provenance::V01(_) => return None,
            Provenance::V02(p) => p.invocation.as_ref()?.environment.as_ref()?.as_object()?,
            Provenance::V1(p) => &p.build_definition.internal_parameters,
        };
        Some(Self { variables })
    }

    /// A variable by its name without the prefix: `REF_TYPE`.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let lower = || self.variables.get(&format!("github_{}", name.to_ascii_lowercase()));
        self.variables.get(&format!("GITHUB_{name}")).or_else(lower)
    }

    /// A variable that is a text and not empty.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A variable that is a text or a number; some generators write ids as numbers.
    pub fn id(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The event's payload.
    pub fn payload(&self) -> Option<&'a Map<String, Value>> {
        self.get("EVENT_PAYLOAD").and_then(Value::as_object)
    }

    /// The branch, in full, that a tag build is of: the base ref; else, of a push, the branch the tag was pushed from,
    /// and of a release, its target. An annotated tag names none.
    pub fn branch_of_tag(&self) -> Option<String> {
        if let Some(base) = self.text("BASE_REF") {
            return Some(base.to_owned());
        }
        let payload = self.payload()?;
        match self.text("EVENT_NAME")? {
            "push" => payload.get("base_ref")?.as_str().filter(|text| !text.is_empty()).map(str::to_owned),
            "release" => {
                let target = payload.get("release")?.get("target_commitish")?.as_str()?;
                Some(format!("refs/heads/{target}"))
            }
            _ => None,
        }
    }

    /// What somebody typed when the run was dispatched by hand.
    pub fn inputs(&self) -> Option<&'a Map<String, Value>> {
        if self.text("EVENT_NAME") != Some("workflow_dispatch") {
            return None;
        }
        self.payload()?.get("inputs")?.as_object()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::formats::provenance::v02;

    fn v02(environment: &Value) -> Provenance {
        let predicate = json!({"builder": {"id": "https://b"}, "buildType": "https://t", "invocation": {"environment": environment}});
        Provenance::from_predicate(v02::PREDICATE_TYPE, &predicate).unwrap().unwrap()
    }

    #[test]
    fn the_branch_of_a_tag_is_what_the_event_says() {
        let branch = |environment: &Value| GithubEnvironment::of(&v02(environment)).unwrap().branch_of_tag();
        let main = Some("refs/heads/main".to_owned());
        let push = |base: Value| json!({"github_event_name": "push", "github_event_payload": {"base_ref": base}});
        assert_eq!(branch(&push(json!("refs/heads/main"))), main);
        assert_eq!(branch(&push(Value::Null)), None);
        assert_eq!(branch(&push(json!(""))), None);
        let release =
            json!({"GITHUB_EVENT_NAME": "release", "GITHUB_EVENT_PAYLOAD": {"release": {"target_commitish": "main"}}});
        assert_eq!(branch(&release), main);
        assert_eq!(branch(&json!({"GITHUB_BASE_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "x"})), main);
        let dispatched =
            json!({"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PAYLOAD": {"base_ref": "refs/heads/main"}});
        assert_eq!(branch(&dispatched), None);
    }

    #[test]
    fn inputs_are_those_of_a_dispatch() {
        let event = |name: &str| json!({"github_event_name": name, "github_event_payload": {"inputs": {"a": "b=c"}}});
        let inputs = |environment: &Value| GithubEnvironment::of(&v02(environment)).unwrap().inputs().cloned();
        assert_eq!(inputs(&event("workflow_dispatch")).unwrap()["a"], "b=c");
        assert_eq!(inputs(&event("push")), None);
    }
}
