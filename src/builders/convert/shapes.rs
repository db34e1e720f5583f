//! Predicates of each version as v1, field by field (<https://slsa.dev/spec/v1.0/provenance>, "Migrating from 0.2").

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::builders::convert::carried;
use crate::builders::convert::descriptors;
use crate::builders::convert::object;
use crate::builders::convert::quirks::Notes;
use crate::builders::convert::quirks::Quirk;
use crate::builders::predicate::COMMUNITY_BUILD_TYPE;
use crate::generate::ci::github::ACTIONS_BUILD_TYPE;

/// Where a field stands, its names in protobuf's spelling, and its names in v1.
const SNAKE_CASE: &[(&str, &str, &str)] = &[
    ("", "build_definition", "buildDefinition"),
    ("", "run_details", "runDetails"),
    ("/buildDefinition", "build_type", "buildType"),
    ("/buildDefinition", "external_parameters", "externalParameters"),
    ("/buildDefinition", "internal_parameters", "internalParameters"),
    ("/buildDefinition", "resolved_dependencies", "resolvedDependencies"),
    ("/runDetails/builder", "builder_dependencies", "builderDependencies"),
    ("/runDetails/metadata", "invocation_id", "invocationId"),
    ("/runDetails/metadata", "started_on", "startedOn"),
    ("/runDetails/metadata", "finished_on", "finishedOn"),
];
/// The same in every descriptor.
const SNAKE_CASE_DESCRIPTOR: &[(&str, &str)] =
    &[("download_location", "downloadLocation"), ("media_type", "mediaType")];
/// Lists of descriptors in v1.
const LISTS: &[&str] =
    &["/buildDefinition/resolvedDependencies", "/runDetails/builder/builderDependencies", "/runDetails/byproducts"];

/// v1 of any dialect.
pub(super) fn from_v1(predicate: Map<String, Value>, notes: &mut Notes) -> Value {
    let mut value = Value::Object(predicate);
    for (at, old, new) in SNAKE_CASE {
        if let Some(Value::Object(parent)) = value.pointer_mut(at) {
            renamed(parent, &format!("/predicate{at}"), old, new, Quirk::SnakeCase, notes);
        }
    }
    for at in LISTS {
        let Some(Value::Array(items)) = value.pointer_mut(at) else { continue };
        let pointer = format!("/predicate{at}");
        for (n, item) in items.iter_mut().enumerate() {
            let Value::Object(fields) = item else { continue };
            for (old, new) in SNAKE_CASE_DESCRIPTOR {
                renamed(fields, &format!("{pointer}/{n}"), old, new, Quirk::SnakeCase, notes);
            }
        }
        descriptors::list(items, &pointer, notes);
        if at.ends_with("byproducts") {
            for (n, item) in items.iter().enumerate().filter(|(_, item)| is_empty(item)) {
                notes.left(Quirk::ByproductEmpty, &format!("{pointer}/{n}"), item);
            }
            items.retain(|item| !is_empty(item));
        }
    }
    if value.pointer("/runDetails/byproducts").is_some_and(|list| list == &json!([]))
        && let Some(Value::Object(run)) = value.get_mut("runDetails")
    {
        run.shift_remove("byproducts");
    }
    if let Some(Value::Object(metadata)) = value.pointer_mut("/runDetails/metadata") {
        let at = "/predicate/runDetails/metadata";
        renamed(metadata, at, "invocationID", "invocationId", Quirk::InvocationIdSpelling, notes);
        for name in ["startedOn", "finishedOn"] {
            if let Some(time) = metadata.get_mut(name) {
                timestamp(time, &format!("{at}/{name}"), notes);
            }
        }
    }
    let internal = "/buildDefinition/internalParameters";
    if let Some(Value::Object(github)) = value.pointer_mut(&format!("{internal}/github")) {
        let at = format!("/predicate{internal}/github");
        renamed(github, &at, "eventName", "event_name", Quirk::EventName, notes);
    }
    if let Some(Value::String(uri)) = value.pointer(&format!("{internal}/triggerUri"))
        && uri.split('/').any(str::is_empty)
    {
        notes.left(Quirk::TriggerUri, &format!("/predicate{internal}/triggerUri"), &json!(uri));
    }
    checked(&value, "/buildDefinition/buildType", "/runDetails/builder/id", notes);
    value
}

/// v0.2: parameters and the source of the configuration become parameters, materials dependencies.
pub(super) fn from_v02(mut old: Map<String, Value>, notes: &mut Notes) -> Value {
    let mut invocation = taken(&mut old, "invocation");
    let mut metadata = taken(&mut old, "metadata");
    let mut config = taken(&mut invocation, "configSource");
    let mut external = parameters(invocation.shift_remove("parameters"), "/predicate/invocation/parameters", notes);
    let mut dependencies = materials(&mut old, notes);
    if !config.is_empty() {
        let at = "/predicate/invocation/configSource";
        notes.changed(Quirk::ConfigSource, at, "configSource", "externalParameters and resolvedDependencies");
        descriptors::descriptor(&mut config, at, notes);
        let entry_point = config.shift_remove("entryPoint");
        for (name, value) in [("entryPoint", entry_point), ("source", config.get("uri").cloned())] {
            external.extend(value.map(|value| (name.to_owned(), value)));
        }
        let descriptor = Value::Object(config);
        let same =
            |one: &Value| one.get("uri") == descriptor.get("uri") && one.get("digest") == descriptor.get("digest");
        if !dependencies.iter().any(same) {
            dependencies.push(descriptor);
        }
    }
    checked(&Value::Object(old.clone()), "/buildType", "/builder/id", notes);
    let mut byproducts = Vec::new();
    if let Some(config) = old.shift_remove("buildConfig").filter(|value| !is_empty(value)) {
        notes.changed(Quirk::BuildConfig, "/predicate/buildConfig", "buildConfig", "runDetails.byproducts");
        byproducts.push(carried("buildConfig", &config));
    }
    let environment = environment(invocation.shift_remove("environment"));
    let metadata = metadata_of(&mut metadata, notes);
    assembled(&mut old, external, environment, dependencies, metadata, byproducts, "buildType")
}

/// v0.1: the recipe is the build type, its arguments the parameters.
pub(super) fn from_v01(mut old: Map<String, Value>, notes: &mut Notes) -> Value {
    let mut recipe = taken(&mut old, "recipe");
    let mut metadata = taken(&mut old, "metadata");
    let mut external = parameters(recipe.shift_remove("arguments"), "/predicate/recipe/arguments", notes);
    let dependencies = materials(&mut old, notes);
    // By the specification a number; Google Cloud Build writes a text.
    let index = recipe.shift_remove("definedInMaterial").and_then(|index| match index {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let index = index.and_then(|index| usize::try_from(index).ok());
    let source = index.and_then(|index| dependencies.get(index)?.get("uri").cloned());
    for (name, value) in [("entryPoint", recipe.shift_remove("entryPoint")), ("source", source)] {
        external.extend(value.filter(|value| !value.is_null()).map(|value| (name.to_owned(), value)));
    }
    let environment = environment(recipe.shift_remove("environment"));
    old.extend(recipe.shift_remove("type").map(|kind| ("buildType".to_owned(), kind)));
    checked(&Value::Object(old.clone()), "/buildType", "/builder/id", notes);
    let metadata = metadata_of(&mut metadata, notes);
    assembled(&mut old, external, environment, dependencies, metadata, Vec::new(), "buildType")
}

fn assembled(
    old: &mut Map<String, Value>,
    external: Map<String, Value>,
    environment: Value,
    dependencies: Vec<Value>,
    metadata: Value,
    byproducts: Vec<Value>,
    build_type: &str,
) -> Value {
    let mut definition = Map::new();
    definition.extend(old.shift_remove(build_type).map(|value| ("buildType".to_owned(), value)));
    definition.insert("externalParameters".to_owned(), Value::Object(external));
    let rest = object([("internalParameters", environment), ("resolvedDependencies", Value::Array(dependencies))]);
    if let Value::Object(rest) = rest {
        definition.extend(rest);
    }
    let builder = old.shift_remove("builder").unwrap_or(Value::Null);
    let run = object([("builder", builder), ("metadata", metadata), ("byproducts", Value::Array(byproducts))]);
    let mut whole =
        Map::from_iter([("buildDefinition".to_owned(), Value::Object(definition)), ("runDetails".to_owned(), run)]);
    // What the specification does not know is kept where it stood.
    whole.extend(std::mem::take(old).into_iter().filter(|(_, value)| !value.is_null()));
    Value::Object(whole)
}

/// A field that is an object, taken out; an empty one otherwise.
fn taken(map: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match map.shift_remove(key) {
        Some(Value::Object(object)) => object,
        Some(other) if !other.is_null() => {
            map.insert(key.to_owned(), other);
            Map::new()
        }
        _ => Map::new(),
    }
}

/// Parameters as an object. Names that the conversion needs are kept apart.
fn parameters(value: Option<Value>, at: &str, notes: &mut Notes) -> Map<String, Value> {
    let apart = |value: Value| Map::from_iter([("parameters".to_owned(), value)]);
    match value {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(object)) if ["entryPoint", "source"].iter().any(|name| object.contains_key(*name)) => {
            notes.changed(Quirk::ParametersCollide, at, "parameters", "externalParameters.parameters");
            apart(Value::Object(object))
        }
        Some(Value::Object(object)) => object,
        Some(other) => {
            notes.changed(Quirk::ParametersNotObject, at, &other.to_string(), "externalParameters.parameters");
            apart(other)
        }
    }
}

fn environment(value: Option<Value>) -> Value {
    match value {
        Some(value @ Value::Object(_)) => value,
        None | Some(Value::Null) => Value::Null,
        Some(other) => json!({"environment": other}),
    }
}

fn materials(old: &mut Map<String, Value>, notes: &mut Notes) -> Vec<Value> {
    let Some(Value::Array(mut materials)) = old.shift_remove("materials") else { return Vec::new() };
    descriptors::list(&mut materials, "/predicate/materials", notes);
    materials
}

/// What v1 knows of the metadata, and what nobody knows; what `builder.id` implies in v1 is dropped.
fn metadata_of(old: &mut Map<String, Value>, notes: &mut Notes) -> Value {
    let at = "/predicate/metadata";
    renamed(old, at, "buildInvocationID", "buildInvocationId", Quirk::InvocationIdSpelling, notes);
    for (name, quirk) in [("completeness", Quirk::Completeness), ("reproducible", Quirk::Reproducible)] {
        if let Some(found) = old.shift_remove(name).filter(|value| !value.is_null()) {
            notes.left(quirk, &format!("{at}/{name}"), &found);
        }
    }
    let mut new = Map::new();
    for (name, in_v1) in
        [("buildInvocationId", "invocationId"), ("buildStartedOn", "startedOn"), ("buildFinishedOn", "finishedOn")]
    {
        let Some(mut value) = old.shift_remove(name).filter(|value| !value.is_null()) else { continue };
        if name != "buildInvocationId" {
            timestamp(&mut value, &format!("{at}/{name}"), notes);
        }
        new.insert(in_v1.to_owned(), value);
    }
    new.extend(std::mem::take(old));
    Value::Object(new)
}

/// What is told and left: a builder without a name, and a build type that has a twin.
fn checked(value: &Value, build_type: &str, builder_id: &str, notes: &mut Notes) {
    if value.pointer(builder_id).is_none_or(|id| id.is_null() || id == "") {
        notes.left(Quirk::BuilderIdEmpty, &format!("/predicate{builder_id}"), &json!(""));
    }
    if let Some(found @ Value::String(text)) = value.pointer(build_type)
        && [ACTIONS_BUILD_TYPE, COMMUNITY_BUILD_TYPE].contains(&text.as_str())
    {
        notes.left(Quirk::BuildTypeTwin, &format!("/predicate{build_type}"), found);
    }
}

/// Another spelling of a name; where both stand, both stay.
fn renamed(map: &mut Map<String, Value>, at: &str, old: &str, new: &str, quirk: Quirk, notes: &mut Notes) {
    if map.contains_key(new) {
        return;
    }
    if let Some(value) = map.shift_remove(old) {
        notes.changed(quirk, &format!("{at}/{old}"), old, new);
        map.insert(new.to_owned(), value);
    }
}

/// RFC 3339 with `Z`, out of another offset or of protobuf's `{seconds, nanos}`.
fn timestamp(value: &mut Value, at: &str, notes: &mut Notes) {
    let number = |value: Option<&Value>| value.and_then(Value::as_i64);
    let read: Option<Timestamp> = match &*value {
        Value::String(text) if text.ends_with('Z') => return,
        Value::String(text) => text.parse().ok(),
        Value::Object(fields) => {
            let nanos = number(fields.get("nanos")).and_then(|nanos| i32::try_from(nanos).ok()).unwrap_or_default();
            number(fields.get("seconds")).and_then(|seconds| Timestamp::new(seconds, nanos).ok())
        }
        _ => None,
    };
    match read {
        Some(time) => {
            notes.changed(Quirk::TimestampShape, at, &value.to_string(), &time.to_string());
            *value = Value::String(time.to_string());
        }
        None => notes.left(Quirk::TimestampShape, at, value),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}
