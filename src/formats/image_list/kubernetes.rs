//! The images that Kubernetes manifests name, in YAML or JSON: every container of every object, whatever its kind.

use std::collections::BTreeSet;

use saphyr_parser::Event;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;

use crate::formats::image_list::ImageListError;
use crate::formats::image_list::Listed;
use crate::formats::image_list::MAX_IMAGES;
use crate::formats::image_list::text;

/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 64;
/// Most values in one file, keys not counted.
pub const MAX_VALUES: usize = 500_000;
/// Fields that hold containers (Kubernetes API, `PodSpec`).
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// A value. Only texts are told from the rest.
enum Node {
    Text(String),
    Other,
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Node {
    fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> Option<&str> {
        if let Some(Self::Text(text)) = self.get(key) { Some(text) } else { None }
    }

    fn items(&self, key: &str) -> &[Self] {
        if let Some(Self::List(items)) = self.get(key) { items } else { &[] }
    }
}

/// A list or map that is not closed yet.
enum Open {
    List(Vec<Node>),
    Map { entries: Vec<(String, Node)>, known: BTreeSet<String>, key: Option<String> },
}

/// Every image that the documents of a file name: the field `image` of each item of `containers`, `initContainers` and
/// `ephemeralContainers`, and `image.reference` of each item of `volumes`, anywhere in an object of any kind. Each is given
/// with the object that names it, as often as it is named.
///
/// # Errors
/// `images-too-large`, `images-not-text`, `images-too-many`; `images-empty` for a file that names none; `manifest-*` for what is
/// no YAML, and for anchors, aliases, tags, a key twice, more than [`MAX_DEPTH`] levels or [`MAX_VALUES`] values, so that two
/// readers see one document.
pub fn images(bytes: &[u8]) -> Result<Vec<Listed>, ImageListError> {
    let mut reader = Reader { open: Vec::new(), values: 0, document: 0, listed: Vec::new() };
    for event in Parser::new_from_str(text(bytes)?) {
        let (event, span) = event
            .map_err(|error| ImageListError::Syntax { line: error.marker().line(), found: error.info().to_owned() })?;
        reader.event(event, span.start.line())?;
    }
    if reader.listed.is_empty() { Err(ImageListError::NoImage) } else { Ok(reader.listed) }
}

struct Reader {
    open: Vec<Open>,
    values: usize,
    document: usize,
    listed: Vec<Listed>,
}

impl Reader {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), ImageListError> {
        match event {
            Event::DocumentStart(_) => self.document += 1,
            Event::Alias(_) => return Err(ImageListError::Alias { line }),
            Event::Scalar(_, _, 1.., _) | Event::SequenceStart(1.., _) | Event::MappingStart(1.., _) => {
                return Err(ImageListError::Alias { line });
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(ImageListError::Tag { line });
            }
            Event::Scalar(text, style, ..) => match self.open.last_mut() {
                Some(Open::Map { known, key: key @ None, .. }) => {
                    if !known.insert(text.clone().into_owned()) {
                        return Err(ImageListError::DuplicateKey { line, key: text.chars().take(100).collect() });
                    }
                    *key = Some(text.into_owned());
                }
                _ => self.value(scalar(&text, style), line)?,
            },
            Event::SequenceStart(..) => self.open(Open::List(Vec::new()), line)?,
            Event::MappingStart(..) => {
                self.open(Open::Map { entries: Vec::new(), known: BTreeSet::new(), key: None }, line)?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items)) => self.value(Node::List(items), line)?,
                Some(Open::Map { entries, .. }) => self.value(Node::Map(entries), line)?,
                None => {}
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, open: Open, line: usize) -> Result<(), ImageListError> {
        if matches!(self.open.last(), Some(Open::Map { key: None, .. })) {
            return Err(ImageListError::Key { line });
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(ImageListError::TooDeep { line, limit: MAX_DEPTH });
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished value where it belongs; a whole document is searched and given up.
    fn value(&mut self, node: Node, line: usize) -> Result<(), ImageListError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(ImageListError::TooManyValues { line, limit: MAX_VALUES });
        }
        match self.open.last_mut() {
            None => self.search(&node, &format!("document {}", self.document)),
            Some(Open::List(items)) => {
                items.push(node);
                Ok(())
            }
            Some(Open::Map { entries, key, .. }) => {
                entries.extend(key.take().map(|key| (key, node)));
                Ok(())
            }
        }
    }

    /// Every image in a value; `at` is the object that it belongs to.
    fn search(&mut self, node: &Node, at: &str) -> Result<(), ImageListError> {
        match node {
            Node::Text(_) | Node::Other => Ok(()),
            Node::List(items) => items.iter().try_for_each(|item| self.search(item, at)),
            Node::Map(entries) => {
                let own = object(node).map(|object| format!("document {}, {object}", self.document));
                let at = own.as_deref().unwrap_or(at);
                for container in CONTAINERS.iter().flat_map(|name| node.items(name)) {
                    self.image(container.get("image"), at)?;
                }
                for volume in node.items("volumes") {
                    self.image(volume.get("image").and_then(|image| image.get("reference")), at)?;
                }
                entries.iter().try_for_each(|(_, value)| self.search(value, at))
            }
        }
    }

    fn image(&mut self, found: Option<&Node>, at: &str) -> Result<(), ImageListError> {
        match found {
            None => Ok(()),
            Some(Node::Text(image)) if self.listed.len() < MAX_IMAGES => {
                self.listed.push(Listed { image: image.clone(), at: at.to_owned() });
                Ok(())
            }
            Some(Node::Text(_)) => Err(ImageListError::TooManyImages { limit: MAX_IMAGES }),
            Some(_) => Err(ImageListError::Image { at: at.to_owned() }),
        }
    }
}

/// Kind and name of an object, when a map is one.
fn object(node: &Node) -> Option<String> {
    let kind = node.text("kind").filter(|_| node.text("apiVersion").is_some())?;
    let metadata = node.get("metadata");
    let field = |name| metadata.and_then(|metadata| metadata.text(name));
    Some(match (field("namespace"), field("name")) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (_, None) => kind.to_owned(),
    })
}

/// A scalar is a text unless a reader takes it for nothing, a boolean or a number.
fn scalar(text: &str, style: ScalarStyle) -> Node {
    let word = matches!(text.to_ascii_lowercase().as_str(), "" | "~" | "null" | "true" | "false");
    if style == ScalarStyle::Plain && (word || text.parse::<f64>().is_ok()) {
        return Node::Other;
    }
    Node::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, &'static str> {
        let listed = images(text.as_bytes()).map_err(|error| error.code())?;
        Ok(listed.into_iter().map(|one| format!("{}: {}", one.at, one.image)).collect())
    }

    fn pod(image: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: a, image: {image}}}]}}\n"
        )
    }

    #[test]
    fn every_container_of_every_kind_is_found() {
        let text = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      initContainers: [{name: i, image: init:1}]
      containers:
        - {name: a, image: 'a:1', securityContext: {runAsUser: 0644}}
        - name: b
          image: \"b@sha256:00\"
      ephemeralContainers: [{name: e, image: e}]
      volumes:
        - {name: v, image: {reference: v:1, pullPolicy: Always}}
        - {name: w, emptyDir: {}}
---
# nothing
---
apiVersion: v1
kind: List
items:
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: night}
    spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: c:1}]}}}}}
  - {apiVersion: acme.dev/v1, kind: Thing, spec: {pods: [{podTemplate: {containers: [{image: d:1}, {name: none}]}}]}}
---
{\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"j\"}, \"spec\": {\"containers\": [{\"image\": \"j\\u003a1\"}]}}
";
        let expected = [
            "document 1, Deployment shop/web: a:1",
            "document 1, Deployment shop/web: b@sha256:00",
            "document 1, Deployment shop/web: init:1",
            "document 1, Deployment shop/web: e",
            "document 1, Deployment shop/web: v:1",
            "document 3, CronJob night: c:1",
            "document 3, Thing: d:1",
            "document 4, Pod j: j:1",
        ];
        let mut found = read(text).unwrap();
        found.sort();
        let mut expected = expected.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_two_readers_may_see_differently_is_refused() {
        let twice = pod("a") + "spec: {containers: [{image: b}]}\n";
        let rows = [
            ("a: &x {image: a}\ncontainers: [*x]\n".to_owned(), "manifest-alias"),
            ("containers: [*x]\n".to_owned(), "manifest-"),
            ("<<: *x\n".to_owned(), "manifest-"),
            (pod("!!str a"), "manifest-tag"),
            (twice, "manifest-duplicate-key"),
            (pod("a").replace("name: a", "image: b, name: a"), "manifest-duplicate-key"),
            ("? [a]\n: b\n".to_owned(), "manifest-key-not-text"),
            ("containers:\n\t- image: a\n".to_owned(), "manifest-syntax"),
            ("containers: [\n".to_owned(), "manifest-syntax"),
            (pod("[a]"), "manifest-image-not-text"),
            (pod("12"), "manifest-image-not-text"),
            (pod("null"), "manifest-image-not-text"),
            (pod("a").replace("Pod", "Pod\nx: 1\nx: 2"), "manifest-duplicate-key"),
            ("kind: ConfigMap\ndata: {image: a}\n".to_owned(), "images-empty"),
            (String::new(), "images-empty"),
        ];
        for (text, code) in rows {
            let found = read(&text);
            assert!(found.as_ref().is_err_and(|found| found.starts_with(code)), "{text}: {found:?}, expected {code}");
        }
        assert_eq!(images(b"\xff").unwrap_err().code(), "images-not-text");
    }

    #[test]
    fn work_is_bounded() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(read(&deep(MAX_DEPTH)), Err("images-empty"));
        assert_eq!(read(&deep(MAX_DEPTH + 1)), Err("manifest-too-deep"));
        // The parser has a limit of its own.
        assert!(read(&deep(100_000)).is_err_and(|code| code.starts_with("manifest-")));
        assert_eq!(read(&format!("[{}]", "1,".repeat(MAX_VALUES))), Err("manifest-too-many"));
        let many = |n: usize| format!("containers:\n{}", "- {image: a}\n".repeat(n));
        assert_eq!(read(&many(MAX_IMAGES)).map(|list| list.len()), Ok(MAX_IMAGES));
        assert_eq!(read(&many(MAX_IMAGES + 1)), Err("images-too-many"));
    }
}
