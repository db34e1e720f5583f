//! Command lines as a person types them.

use crate::report::plain;

/// A command line of these words, each quoted where a POSIX shell would take it for something else.
pub(super) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(word).collect();
    plain(&quoted.join(" ")).into_owned()
}

fn word(text: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"._/@:=+,-%".contains(&b);
    if !text.is_empty() && text.bytes().all(harmless) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them() {
        assert_eq!(line(["sealmark", "verify", "dist/app-1.0.tar.gz"]), "sealmark verify dist/app-1.0.tar.gz");
        assert_eq!(line(["a b", "", "it's", "$HOME", "*.tar", "größe"]), r"'a b' '' 'it'\''s' '$HOME' '*.tar' 'größe'");
        assert_eq!(line(["a\u{1b}[2J"]), "'a\\u{1b}[2J'");
    }
}
