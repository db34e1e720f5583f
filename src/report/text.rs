//! Text of others made safe to print.

use std::borrow::Cow;
use std::fmt::Write;

/// A text in which nothing moves a cursor, colours, hides or turns what stands around it: control characters (with
/// line breaks), and the Unicode characters that are invisible or change the direction of writing, are written as
/// `\u{1b}`. Names in attestations are whatever somebody wrote there; this is how they reach a terminal.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            // Writing to a String does not fail.
            let _ = write!(safe, "{}", c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// At most `width` characters of a text that is a digest: the algorithm and the first eight, `…` for the rest. Other
/// texts are cut in the middle of nothing: they come back whole.
pub(super) fn short_digests(text: &str) -> String {
    /// Hexadecimal digits that are kept.
    const KEPT: usize = 8;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let step = if run == 0 { rest.chars().next().map_or(1, char::len_utf8) } else { run };
        let (piece, after) = rest.split_at(step);
        // A run of 32 digits behind a colon is a digest; anything shorter is a word or a number.
        if run >= 32 && out.ends_with(':') {
            out.push_str(piece.get(..KEPT).unwrap_or(piece));
            out.push('…');
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert!(matches!(plain("refs/heads/größe"), Cow::Borrowed(_)));
        for (text, expected) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nallowed  b", "a\\u{a}allowed  b"),
            ("a\rb\u{9b}2Jc\u{7f}", "a\\u{d}b\\u{9b}2Jc\\u{7f}"),
            ("evil\u{202e}gpj.exe", "evil\\u{202e}gpj.exe"),
            ("zero\u{200b}width\u{2066}", "zero\\u{200b}width\\u{2066}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn digests_are_shortened_and_nothing_else() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(short_digests(&format!("sha256:{hex} (app)")), "sha256:9f86d081… (app)");
        assert_eq!(short_digests(&format!("sha256:{hex}, sha512:{hex}{hex}")), "sha256:9f86d081…, sha512:9f86d081…");
        for text in ["refs/heads/main", hex, "sha256:abc", "é:1", ""] {
            assert_eq!(short_digests(text), text);
        }
    }
}
