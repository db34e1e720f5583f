//! Lints of conditions: those that hold for less than it seems.

use cel::IdedExpr;
use cel::common::ast::Expr;
use cel::common::ast::LiteralValue;
use cel::common::ast::operators;

use crate::policy::document::budget;
use crate::policy::document::condition::VARIABLES;
use crate::policy::document::lint::Level;
use crate::policy::document::lint::Lints;
use crate::policy::document::model::CelRule;

pub(super) fn lint(rule: &CelRule, lints: &mut Lints) {
    let (id, at) = (&rule.id, rule.at);
    let nodes = budget::nodes(rule.condition.tree());
    let any = |test: &dyn Fn(&IdedExpr) -> bool| nodes.iter().any(|node| test(node));
    if !any(&|node| matches!(&node.expr, Expr::Ident(name) if name != "now" && VARIABLES.contains(&name.as_str()))) {
        let message = format!("{id}: it asks for nothing in the attestation, so it is always the same");
        lints.say(Level::Error, "policy-cel-constant", at, message);
    }
    for expression in budget::expressions(rule.condition.tree()).unwrap_or_default() {
        if !is_anchored(&expression) {
            let message = format!(
                "{id}: matches looks for {expression} anywhere in the text; write ^(…)$ around it, or use a claim"
            );
            lints.say(Level::Error, "policy-cel-unanchored", at, message);
        }
    }
    if any(&is_absent_test) {
        let message = format!("{id}: !has(…) holds when the field is left out, which the signer decides");
        lints.say(Level::Warning, "policy-cel-absent-passes", at, message);
    }
    let counted = any(&|node| matches!(&node.expr, Expr::Call(call) if call.func_name == "size"));
    if any(&is_all) && !counted {
        let message = format!("{id}: all(…) holds for an empty list too; say size() > 0 beside it where that matters");
        lints.say(Level::Warning, "policy-cel-empty-list", at, message);
    }
    if any(&orders_text) {
        let message = format!(
            "{id}: texts are ordered by their letters, so that \"9\" is more than \"10\"; use timestamp(…), int(…) or double(…)"
        );
        lints.say(Level::Warning, "policy-cel-text-order", at, message);
    }
}

fn is_absent_test(node: &IdedExpr) -> bool {
    let Expr::Call(call) = &node.expr else { return false };
    let tests = |arg: &IdedExpr| matches!(&arg.expr, Expr::Select(select) if select.test);
    call.func_name == operators::LOGICAL_NOT && call.args.iter().any(tests)
}

/// `all` starts from true; `exists` starts from false.
fn is_all(node: &IdedExpr) -> bool {
    let Expr::Comprehension(loops) = &node.expr else { return false };
    matches!(&loops.accu_init.expr, Expr::Literal(LiteralValue::Boolean(start)) if *start.inner())
}

fn orders_text(node: &IdedExpr) -> bool {
    let Expr::Call(call) = &node.expr else { return false };
    let orders = [operators::LESS, operators::LESS_EQUALS, operators::GREATER, operators::GREATER_EQUALS];
    let text = |arg: &IdedExpr| matches!(&arg.expr, Expr::Literal(LiteralValue::String(_)));
    orders.contains(&call.func_name.as_str()) && call.args.iter().any(text)
}

/// Whether an expression can match only a whole text: `^` at its start, `$` at its end, and no `|` beside them.
fn is_anchored(expression: &str) -> bool {
    let Some(inner) = expression.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')) else { return false };
    let mut depth: usize = 0;
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return false,
            _ => {}
        }
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_at_both_ends() {
        for (expression, expected) in [
            ("^a$", true),
            ("^(a|b)$", true),
            ("^a|b$", false),
            ("^a", false),
            ("a$", false),
            (r"^a\$", false),
            ("", false),
        ] {
            assert_eq!(is_anchored(expression), expected, "{expression}");
        }
    }
}
