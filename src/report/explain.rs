//! What a code means: docs/errors.md, as the program carries it.

/// The page itself, so that there is one copy of each explanation.
const PAGE: &str = include_str!("../../docs/errors.md");

/// What stands below a code's heading, on one line and without marks of Markdown; None for a code that has no heading.
pub(super) fn meaning(code: &str) -> Option<String> {
    let heading = format!("\n### `{code}`\n");
    let (_, rest) = PAGE.split_once(&heading)?;
    let body = rest.split("\n#").next()?;
    let words: Vec<&str> = body.split_whitespace().collect();
    Some(words.join(" ").replace('`', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaning_ends_at_the_next_heading() {
        let meaning = meaning("source-ref-mismatch").unwrap();
        assert!(meaning.starts_with("It was built from another branch or tag"), "{meaning}");
        assert!(meaning.ends_with('.') && !meaning.contains(['#', '`', '\n']), "{meaning}");
        assert_eq!(super::meaning("no-such-code"), None);
        assert_eq!(super::meaning(""), None);
    }
}
