//! An image with what is attached, for people: a tree of lines.

use std::io;
use std::io::Write;

use crate::report::plain;
use crate::report::tree::AttachedNode;
use crate::report::tree::ClaimedBy;
use crate::report::tree::ContentNode;
use crate::report::tree::ImageNode;
use crate::report::tree::TreeReport;

/// Characters of a line; what does not fit is cut, and stands in the JSON.
const WIDTH: usize = 100;
/// Hexadecimal digits of a digest that are shown.
const DIGITS: usize = 12;

/// A node as it is drawn: its lines, and what hangs below it.
struct Drawn {
    lines: Vec<String>,
    below: Vec<Self>,
}

impl TreeReport {
    /// Draws the tree; the first line says that none of it is believed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let said = match count(&self.image) {
            0 => "nothing is attached, and nothing is verified".to_owned(),
            1 => "nothing is believed: 1 attached, not verified; every word is its author's".to_owned(),
            n => format!("nothing is believed: {n} attached, none verified; every word is its author's"),
        };
        writeln!(out, "{said}")?;
        let tag = self.tag.as_ref().map(|tag| format!(", tag {tag}")).unwrap_or_default();
        write_line(out, "", &self.name)?;
        let drawn = image(&self.image, &tag);
        drawn.lines.iter().try_for_each(|line| write_line(out, "", line))?;
        draw(&drawn.below, "", out)
    }
}

/// Draws nodes of one level below a prefix, as `tree` does.
fn draw(nodes: &[Drawn], prefix: &str, out: &mut dyn Write) -> io::Result<()> {
    for (n, node) in nodes.iter().enumerate() {
        let (branch, rest) = if n + 1 == nodes.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        let under = format!("{prefix}{rest}");
        let beside = if node.below.is_empty() { format!("{under}  ") } else { format!("{under}│ ") };
        for (n, line) in node.lines.iter().enumerate() {
            let start = if n == 0 { format!("{prefix}{branch}") } else { beside.clone() };
            write_line(out, &start, line)?;
        }
        draw(&node.below, &under, out)?;
    }
    Ok(())
}

/// Writes a line in which nothing acts on the terminal.
fn write_line(out: &mut dyn Write, start: &str, text: &str) -> io::Result<()> {
    let line = format!("{start}{}", plain(text));
    match line.char_indices().nth(WIDTH) {
        None => writeln!(out, "{line}"),
        Some(_) => writeln!(out, "{}…", line.chars().take(WIDTH - 1).collect::<String>()),
    }
}

/// How much is attached anywhere.
fn count(node: &ImageNode) -> usize {
    let below: usize = node.platforms.iter().map(count).sum();
    below + node.attached.iter().map(count_attached).sum::<usize>()
}

fn count_attached(node: &AttachedNode) -> usize {
    node.contents.len() + node.attached.iter().map(count_attached).sum::<usize>()
}

fn image(node: &ImageNode, tag: &str) -> Drawn {
    let platform = node.platform.as_ref().map(|platform| format!("{platform}  ")).unwrap_or_default();
    let line = format!("{platform}{}  {}, {} bytes{tag}", short(&node.digest), node.kind, node.size);
    let platforms = node.platforms.iter().map(|one| image(one, ""));
    Drawn { lines: vec![line], below: node.attached.iter().map(attached).chain(platforms).collect() }
}

fn attached(node: &AttachedNode) -> Drawn {
    let place = format!("{} {}", node.form, short(&node.manifest));
    let created = node.created.as_ref().map(|time| format!(", {time}")).unwrap_or_default();
    let below = node.attached.iter().map(attached);
    match node.contents.as_slice() {
        [one] => Drawn { lines: content(one, node, &format!("{place}{created}")), below: below.collect() },
        several => {
            let contents = several.iter().map(|one| {
                let layer = one.layer.map(|layer| format!("layer {layer}")).unwrap_or_default();
                Drawn { lines: content(one, node, &layer), below: Vec::new() }
            });
            Drawn {
                lines: vec![format!("{place}, {} layers{created}", several.len())],
                below: contents.chain(below).collect(),
            }
        }
    }
}

fn content(one: &ContentNode, node: &AttachedNode, place: &str) -> Vec<String> {
    let media_type = one.media_type.as_ref().or(node.artifact_type.as_ref());
    let kind = match (&one.predicate_type, one.format) {
        (Some(predicate_type), _) => predicate_type.as_str(),
        (None, Some(_)) => "",
        (None, None) => media_type.map(String::as_str).unwrap_or_default(),
    };
    let mut lines = vec![format!("{:<11}  {kind}", one.what).trim_end().to_owned()];
    if let Some(annotated) = &one.annotated_predicate_type {
        let beside = if one.predicate_type.is_some() { "but annotated" } else { "annotated" };
        lines.push(format!("{beside} {annotated}"));
    }
    let format = one.format.map(|format| format!(", {format}")).unwrap_or_default();
    let size = one.size.map(|size| format!(", {size} bytes")).unwrap_or_default();
    lines.push(format!("{place}{format}{size}"));
    if let Some(finding) = &one.finding {
        lines.push(format!("malformed: {}   {}", finding.code, finding.message));
    }
    if let Some(ClaimedBy { name, issuer, key_hint, .. }) = &one.signer {
        match (name, key_hint) {
            (Some(name), _) => lines.push(format!("signer {name}")),
            (None, Some(hint)) => lines.push(format!("signer a key, {hint}")),
            (None, None) => lines.push("signer a key".to_owned()),
        }
        lines.extend(issuer.as_ref().map(|issuer| format!("issuer {issuer}")));
    }
    lines
}

/// A digest with its first [`DIGITS`] digits.
fn short(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) if hex.len() > DIGITS => {
            format!("{algorithm}:{}…", hex.chars().take(DIGITS).collect::<String>())
        }
        _ => digest.to_owned(),
    }
}
