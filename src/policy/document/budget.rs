//! What a condition may cost: its tree with a charge at every place whose work an attestation decides.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::Value;
use cel::common::ast::CallExpr;
use cel::common::ast::EntryExpr;
use cel::common::ast::Expr;
use cel::common::ast::LiteralValue;
use cel::common::ast::operators;
use cel::objects::Key;

use crate::policy::document::condition::CHARGE;
use crate::policy::document::condition::COMPILE;

/// Bytes of text that cost as much as one value.
const BYTES: u64 = 64;
/// What compiling the expression of `matches` costs, which happens each time.
pub(super) const EXPRESSION: u64 = 200;

/// Operators whose own work does not grow with their operands.
const FREE: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::NOT_STRICTLY_FALSE,
    operators::INDEX,
];

/// The same tree, with a charge around whatever is looped over, compared, searched, joined or copied into a list.
pub(super) fn charged(node: &IdedExpr) -> IdedExpr {
    let expr = match &node.expr {
        Expr::Call(call) => Expr::Call(self::call(call)),
        Expr::Comprehension(loops) => {
            let mut loops = loops.clone();
            loops.iter_range = charge(&loops.iter_range);
            // Loops of the parser alone: what the author wrote stands in the range and the step.
            loops.loop_step = charged(&loops.loop_step);
            Expr::Comprehension(loops)
        }
        Expr::List(list) => {
            let mut list = list.clone();
            list.elements = list.elements.iter().map(charge).collect();
            Expr::List(list)
        }
        Expr::Map(map) => {
            let mut map = map.clone();
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(pair) = &mut entry.expr {
                    pair.key = charge(&pair.key);
                    pair.value = charge(&pair.value);
                }
            }
            Expr::Map(map)
        }
        Expr::Select(select) => {
            let mut select = select.clone();
            select.operand = Box::new(charged(&select.operand));
            Expr::Select(select)
        }
        other => other.clone(),
    };
    IdedExpr { id: node.id, expr }
}

fn call(call: &CallExpr) -> CallExpr {
    // A step of `map` joins the loop's own list, whose name no author can write; charging it would charge it again with
    // every item.
    let own = call.args.iter().any(|arg| matches!(&arg.expr, Expr::Ident(name) if name.starts_with('@')));
    let free = own || FREE.contains(&call.func_name.as_str());
    let argument = |arg: &IdedExpr| if free { charged(arg) } else { charge(arg) };
    let mut args: Vec<IdedExpr> = call.args.iter().map(argument).collect();
    let mut target = call.target.as_deref().map(charge);
    if call.func_name == "matches"
        && let Some(text) = target.as_mut().or(args.first_mut())
    {
        *text = wrapped(COMPILE, text.clone());
    }
    CallExpr { func_name: call.func_name.clone(), target: target.map(Box::new), args }
}

fn charge(node: &IdedExpr) -> IdedExpr {
    match &node.expr {
        // What stands in the policy is as large as the policy's author made it, and costs the same each time.
        Expr::Literal(_) => node.clone(),
        _ => wrapped(CHARGE, charged(node)),
    }
}

fn wrapped(function: &str, node: IdedExpr) -> IdedExpr {
    let call = CallExpr { func_name: function.to_owned(), target: None, args: vec![node] };
    IdedExpr { id: 0, expr: Expr::Call(call) }
}

/// What a value costs: one, one for each value in it, one for each [`BYTES`] of text. Stops above `most`.
pub(super) fn weight(value: &Value, most: u64) -> u64 {
    let bytes = |len: usize| u64::try_from(len).unwrap_or(u64::MAX) / BYTES;
    let mut sum: u64 = 0;
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        sum = sum.saturating_add(1);
        match value {
            Value::String(text) => sum = sum.saturating_add(bytes(text.len())),
            Value::Bytes(text) => sum = sum.saturating_add(bytes(text.len())),
            Value::List(items) => left.extend(items.iter()),
            Value::Map(map) => {
                for (key, value) in map.map.iter() {
                    if let Key::String(key) = key {
                        sum = sum.saturating_add(bytes(key.len()));
                    }
                    left.push(value);
                }
            }
            _ => {}
        }
        if sum > most {
            break;
        }
    }
    sum
}

/// The children of a node, as they stand in the tree.
pub(super) fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
    match &node.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(loops) => {
            vec![&loops.iter_range, &loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| parts(&entry.expr)).collect(),
        Expr::Struct(made) => made.entries.iter().flat_map(|entry| parts(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(pair) => vec![&pair.key, &pair.value],
    }
}

/// Every node of a tree, the root first.
pub(super) fn nodes(root: &IdedExpr) -> Vec<&IdedExpr> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(node) = all.get(next) {
        let more = children(node);
        all.extend(more);
        next += 1;
    }
    all
}

/// Levels of a tree. The parser's own limit keeps it small enough to walk.
pub(super) fn depth(node: &IdedExpr) -> usize {
    children(node).into_iter().map(depth).max().unwrap_or(0) + 1
}

/// Refuses names that nothing gives a value, structs, and functions that there are not.
///
/// # Errors
/// What was found, for people.
pub(super) fn names(root: &IdedExpr, known: &[&str]) -> Result<(), String> {
    let mut own = BTreeSet::new();
    for node in nodes(root) {
        if let Expr::Comprehension(loops) = &node.expr {
            own.extend([Some(loops.iter_var.as_str()), loops.iter_var2.as_deref(), Some(loops.accu_var.as_str())]);
        }
    }
    for node in nodes(root) {
        match &node.expr {
            Expr::Ident(name) if !known.contains(&name.as_str()) && !own.contains(&Some(name.as_str())) => {
                return Err(format!("the name {name}; there are {}", known.join(", ")));
            }
            Expr::Struct(made) => return Err(format!("a value of type {}", made.type_name)),
            Expr::Call(call) if !FUNCTIONS.contains(&call.func_name.as_str()) => {
                return Err(format!("the function {}; there are {}", call.func_name, written().join(", ")));
            }
            Expr::Unspecified => return Err("an empty part".to_owned()),
            _ => {}
        }
    }
    if let Some(shadow) = own.iter().flatten().find(|name| known.contains(name)) {
        return Err(format!("a loop that calls its item {shadow}, which has a meaning already"));
    }
    Ok(())
}

/// Every function that a condition may call: CEL's standard ones that give a value for its arguments alone.
const FUNCTIONS: &[&str] = &[
    "bool",
    "bytes",
    "contains",
    "double",
    "duration",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::NOT_STRICTLY_FALSE,
    operators::IN,
];

fn written() -> Vec<&'static str> {
    FUNCTIONS.iter().copied().filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).collect()
}

/// The expressions that `matches` is called with.
///
/// # Errors
/// What was found where no text stands: then an attestation could choose the expression and what it costs.
pub(super) fn expressions(root: &IdedExpr) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for node in nodes(root) {
        let Expr::Call(call) = &node.expr else { continue };
        if call.func_name != "matches" {
            continue;
        }
        match call.args.last().map(|arg| &arg.expr) {
            Some(Expr::Literal(LiteralValue::String(text))) => found.push(text.inner().to_owned()),
            _ => return Err("matches with an expression that is computed; write it out".to_owned()),
        }
    }
    Ok(found)
}
