//! The JSON Schema of policy files, on the same lists of keys that the reader has.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::formats::certificate::Claim;
use crate::policy::document::condition;
use crate::policy::document::model::API_VERSION;
use crate::policy::document::model::KIND;
use crate::policy::document::model::Quantifier;
use crate::policy::document::model::Test;
use crate::policy::document::read;
use crate::policy::document::read::claims;
use crate::policy::document::read::evidence;
use crate::policy::document::read::exceptions;
use crate::policy::document::read::slsa;
use crate::policy::document::read::verifiers;

/// A name that the author chooses.
const NAME: &str = "^[a-z0-9]+(-[a-z0-9]+)*$";

/// The schema, for editors. The reader is stricter: it knows names, files, expressions and conditions.
pub fn schema() -> Value {
    let mut schema = closed(
        read::KEYS,
        &["apiVersion", "kind", "metadata", "verifiers", "evidence", "require"],
        json!({
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": KIND},
            "metadata": closed(read::METADATA, &["name", "version"], json!({
                "name": text(), "version": text(), "owner": text(), "description": text(), "expires": time(),
            })),
            "verifiers": named(&verifier()),
            "evidence": named(&evidence()),
            "require": {"$ref": "#/$defs/requirement"},
            "exceptions": list(&exception()),
        }),
    );
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("$defs".to_owned(), json!({"requirement": requirement()}));
    }
    schema
}

/// An object with these keys and no other; a key without a description takes anything.
fn closed(known: &[&str], required: &[&str], mut properties: Value) -> Value {
    let mut described = |key: &&str| {
        let found = properties.as_object_mut().and_then(|map| map.remove(*key));
        ((*key).to_owned(), found.unwrap_or(Value::Bool(true)))
    };
    let properties: Map<String, Value> = known.iter().map(&mut described).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn named(of: &Value) -> Value {
    json!({"type": "object", "minProperties": 1, "propertyNames": {"pattern": NAME, "maxLength": 64}, "additionalProperties": of})
}

fn list(of: &Value) -> Value {
    json!({"type": "array", "minItems": 1, "items": of})
}

fn text() -> Value {
    json!({"type": "string", "pattern": "\\S"})
}

fn time() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$"})
}

fn duration() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+[dhms]$"})
}

fn hex() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})
}

fn id() -> Value {
    json!({"type": "string", "pattern": NAME, "maxLength": 64})
}

fn path() -> Value {
    json!({"type": "string", "pattern": "^/(predicateType|predicate(/.*)?)$"})
}

fn with(mut schema: Value, more: &Value) -> Value {
    if let (Some(schema), Some(more)) = (schema.as_object_mut(), more.as_object()) {
        schema.extend(more.clone());
    }
    schema
}

fn one_of(keys: &[&str]) -> Value {
    Value::Array(keys.iter().map(|key| json!({"required": [key]})).collect())
}

fn verifier() -> Value {
    let root = closed(verifiers::ROOT, &["file", "sha256"], json!({"file": text(), "sha256": hex()}));
    let require = closed(
        verifiers::REQUIRE,
        &[],
        json!({"exact": text(), "oneOf": list(&text()), "matches": text(), "any": {"const": true}}),
    );
    let require = with(require, &json!({"minProperties": 1, "maxProperties": 1}));
    let claims: Vec<&str> = Claim::all().map(Claim::name).collect();
    let each: Map<String, Value> = claims.iter().map(|name| ((*name).to_owned(), require.clone())).collect();
    let identity = closed(
        verifiers::IDENTITY,
        &["identity", "issuer"],
        json!({"identity": require, "issuer": require, "extensions": closed(&claims, &[], Value::Object(each))}),
    );
    let key = closed(verifiers::KEY, &[], json!({"pem": text(), "file": text(), "sha256": hex()}));
    let key = with(key, &json!({"oneOf": [{"required": ["pem"]}, {"required": ["file", "sha256"]}]}));
    let rings: Vec<&str> = verifiers::RINGS.iter().map(|ring| ring.name()).collect();
    let logs: Vec<&str> = verifiers::LOG.iter().map(|row| row.0).collect();
    let schema = closed(
        verifiers::KEYS,
        &["transparency"],
        json!({
            "description": text(),
            "trust": list(&json!({"anyOf": [{"enum": ["public-good", "github"]}, root]})),
            "identities": list(&identity),
            "keys": list(&key),
            "keyRings": list(&json!({"enum": rings})),
            "transparency": closed(&["log"], &["log"], json!({"log": {"enum": logs}})),
        }),
    );
    with(schema, &json!({"anyOf": one_of(&["identities", "keys", "keyRings"])}))
}

fn evidence() -> Value {
    let words: Vec<&str> = Quantifier::WORDS.iter().map(|row| row.0).collect();
    let names = list(&text());
    closed(
        evidence::KEYS,
        &["predicateTypes", "verifiedBy", "quantifier"],
        json!({
            "description": text(),
            "predicateTypes": names,
            "verifiedBy": {"anyOf": [text(), closed(&["anyOf"], &["anyOf"], json!({"anyOf": names}))]},
            "quantifier": {"enum": words},
            "freshness": closed(&["maxAge", "from"], &["maxAge", "from"], json!({
                "maxAge": duration(), "from": {"anyOf": [{"const": "signedAt"}, path()]},
            })),
            "slsa": slsa(),
            "claims": list(&claim()),
            "cel": list(&closed(claims::CEL, &["id", "expr", "message"], json!({
                "id": id(),
                "expr": {"type": "string", "pattern": "\\S", "maxLength": condition::MAX_BYTES},
                "message": text(),
                "guidance": text(),
            }))),
        }),
    )
}

fn slsa() -> Value {
    let mut properties: Map<String, Value> = slsa::KEYS.iter().map(|key| ((*key).to_owned(), text())).collect();
    properties.insert("trigger".to_owned(), list(&text()));
    properties.insert("requireHosted".to_owned(), json!({"const": true}));
    let inputs = json!({"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}});
    properties.insert("inputs".to_owned(), inputs);
    let both: Vec<Value> = slsa::REFS
        .iter()
        .enumerate()
        .flat_map(|(n, one)| slsa::REFS.iter().skip(n + 1).map(move |other| json!({"required": [one, other]})))
        .collect();
    let schema = closed(slsa::KEYS, &[], Value::Object(properties));
    with(schema, &json!({"minProperties": 1, "not": {"anyOf": both}}))
}

fn claim() -> Value {
    let schema = closed(
        claims::CLAIM,
        &["id", "path", "operator"],
        json!({"id": id(), "path": path(), "operator": {"enum": Test::OPERATORS}}),
    );
    let present = json!({"properties": {"operator": {"const": "present"}}});
    with(schema, &json!({"if": present, "then": {"not": {"required": ["value"]}}, "else": {"required": ["value"]}}))
}

fn requirement() -> Value {
    let of = list(&json!({"$ref": "#/$defs/requirement"}));
    let count = json!({"type": "integer", "minimum": 1});
    json!({"anyOf": [
        text(),
        closed(&["allOf"], &["allOf"], json!({"allOf": of})),
        closed(&["anyOf"], &["anyOf"], json!({"anyOf": of})),
        closed(&["atLeast", "of"], &["atLeast", "of"], json!({"atLeast": count, "of": of})),
    ]})
}

fn exception() -> Value {
    let artifact = closed(&["digest", "name"], &[], json!({"digest": text(), "name": text()}));
    let artifact = with(artifact, &json!({"minProperties": 1, "maxProperties": 1}));
    closed(
        exceptions::KEYS,
        &["id", "artifacts", "skip", "reason", "expires"],
        json!({
            "id": id(),
            "artifacts": list(&artifact),
            "skip": list(&text()),
            "reason": text(),
            "ticket": text(),
            "expires": time(),
        }),
    )
}
