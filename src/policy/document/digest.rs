//! The digest of a policy with everything that it rests on.

use serde_json::Map;
use serde_json::Value;

use crate::policy::document::node::Node;
use crate::policy::document::read::Files;
use crate::trust::embedded::Domain;
use crate::trust::key::sha256;
use crate::trust::rings;
use crate::trust::rings::Ring;

/// SHA-256, in lower-case hexadecimal, of the policy as JSON with sorted keys and no space (as RFC 8785 has it for texts,
/// lists and maps), in which each file of `trust` and `keys` is replaced by the SHA-256 of its content, and each embedded
/// root and key ring by that of the copy that this program has. So comments, the order of keys, YAML or JSON and the names of files
/// say nothing, and whatever decides says everything.
pub(super) fn of(tree: &Node, files: &Files) -> String {
    let mut value = tree.to_json();
    if let Some(verifiers) = value.get_mut("verifiers").and_then(Value::as_object_mut) {
        for verifier in verifiers.values_mut() {
            for list in ["trust", "keys", "keyRings"] {
                let items = verifier.get_mut(list).and_then(Value::as_array_mut);
                items.into_iter().flatten().for_each(|item| resolve(item, files));
            }
        }
    }
    hex::encode(sha256(sorted(value).to_string().as_bytes()))
}

fn resolve(item: &mut Value, files: &Files) {
    let hash = |bytes: &[u8]| Value::String(hex::encode(sha256(bytes)));
    let found = match item {
        Value::String(name) => {
            Domain::from_name(name).map(|domain| hash(domain.json().as_bytes())).or_else(|| ring(name))
        }
        Value::Object(map) => {
            let path = map.get("file").and_then(Value::as_str);
            path.and_then(|path| files.get(path)?.as_ref().ok()).map(|bytes| hash(bytes))
        }
        _ => None,
    };
    if let Some(hash) = found {
        *item = Value::Object([("sha256".to_owned(), hash)].into_iter().collect());
    }
}

/// SHA-256 of the fingerprints of a ring's keys, each on a line.
fn ring(name: &str) -> Option<Value> {
    let keys = match name {
        name if name == Ring::NpmRegistry.name() => rings::npm(),
        name if name == Ring::GoogleCloudBuild.name() => rings::google_cloud_build(),
        _ => return None,
    };
    let lines: String = keys.ok()?.iter().map(|key| format!("{}\n", key.key.fingerprint())).collect();
    Some(Value::String(hex::encode(sha256(lines.as_bytes()))))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}
