//! Reads YAML as cloud-init does, with the place of everything in it.
//!
//! cloud-init reads YAML 1.1 (`no` is false, `0644` is octal), the parser here speaks 1.2. They agree
//! on the structure; what a plain word means is decided by [`super::words`]. A document comes from a
//! stranger: its size, depth and what its aliases grow to are bounded.

use super::words;
use crate::model::text::visible_within;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Longest document, bytes: clouds take 16 KiB.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most values, most bytes of text in them, with every alias in place of what it stands for, and the
/// deepest nesting: far below what cloud-init's own parser recurses to.
const MOST: Weight = Weight {
    nodes: 20_000,
    text: 96 * 1024,
    depth: 64,
};
/// Longest key, bytes: cloud-init's parser reads none that takes more than 1,024 characters.
const MAX_KEY: usize = 128;

/// Where something stands; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub place: Place,
    pub reason: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "line {line}, column {column}: {}", self.reason)
    }
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Data {
    /// Text, a number, true, false or nothing.
    Plain(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    pub place: Place,
    /// As it is spelled: a key that reads as a number stays the word it is.
    pub key: String,
    pub value: Node,
}

impl Node {
    /// The value without its places.
    pub fn into_value(self) -> Value {
        match self.data {
            Data::Plain(value) => value,
            Data::List(nodes) => Value::Array(nodes.into_iter().map(Self::into_value).collect()),
            Data::Map(entries) => {
                let pairs = entries.into_iter().map(|it| (it.key, it.value.into_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// A refusal of this value.
    pub fn flaw(&self, reason: impl Into<String>) -> Flaw {
        Flaw {
            place: self.place,
            reason: reason.into(),
        }
    }
}

/// Reads a document; one of comments alone is nothing.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(text: &str) -> Result<Node, Flaw> {
    if text.len() > MAX_BYTES {
        let reason = format!("it is longer than {} KiB", MAX_BYTES / 1024);
        return Err(flaw_at(1, 1, reason));
    }
    printable(text)?;
    compose(text, MOST)
}

fn compose(text: &str, most: Weight) -> Result<Node, Flaw> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        total: Weight::default(),
        most,
    };
    let mut document = None;
    loop {
        let (event, at) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(_) if document.is_some() => {
                return Err(flaw(at, "a second document begins; cloud-init reads one"));
            }
            Event::DocumentStart(_) => {
                let (event, at) = reader.next()?;
                document = Some(reader.node(event, at, 0)?);
            }
            _ => {}
        }
    }
    Ok(document.unwrap_or(Node {
        place: Place { line: 1, column: 1 },
        data: Data::Plain(Value::Null),
    }))
}

/// Reads what twarga wrote, which may be longer.
#[cfg(test)]
pub fn read_unbounded(text: &str) -> Result<Node, Flaw> {
    let most = Weight {
        nodes: usize::MAX,
        text: usize::MAX,
        ..MOST
    };
    compose(text, most)
}

/// cloud-init's parser takes no document with such characters; here one would end the text.
fn printable(text: &str) -> Result<(), Flaw> {
    for (line, row) in (1..).zip(text.split('\n')) {
        let bad = |c: char| {
            let is_break = matches!(c, '\t' | '\r' | '\u{85}');
            (c.is_control() && !is_break) || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        };
        if let Some(column) = row.chars().position(bad) {
            return Err(flaw_at(line, column + 1, "a character that cannot be printed"));
        }
    }
    Ok(())
}

fn flaw(marker: Marker, reason: impl Into<String>) -> Flaw {
    let place = place_of(marker);
    flaw_at(place.line, place.column, reason)
}

fn flaw_at(line: usize, column: usize, reason: impl Into<String>) -> Flaw {
    Flaw {
        place: Place { line, column },
        reason: reason.into(),
    }
}

fn place_of(marker: Marker) -> Place {
    Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

/// What a value weighs, with every alias in place of what it stands for.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    text: usize,
    /// How deep it goes below itself.
    depth: usize,
}

/// Makes values of the parser's events. It recurses no deeper than its bound.
struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: BTreeMap<usize, (Node, Weight)>,
    /// Of what was read so far.
    total: Weight,
    most: Weight,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Marker), Flaw> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => Err(flaw(*error.marker(), error.info())),
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    /// The value that begins with `event`.
    fn node(&mut self, event: Event<'t>, at: Marker, depth: usize) -> Result<Node, Flaw> {
        let before = self.total;
        let (anchor, data) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at, depth),
            Event::Scalar(text, style, anchor, tag) => {
                self.weigh(at, 1, text.len())?;
                let value = scalar(&text, style, tag.as_deref()).map_err(|reason| flaw(at, reason))?;
                (anchor, Data::Plain(value))
            }
            Event::SequenceStart(anchor, tag) => {
                self.enter(at, depth, tag.as_deref(), "seq")?;
                (anchor, Data::List(self.list(depth + 1)?))
            }
            Event::MappingStart(anchor, tag) => {
                self.enter(at, depth, tag.as_deref(), "map")?;
                (anchor, Data::Map(self.map(depth + 1)?))
            }
            _ => return Err(flaw(at, "a value is missing")),
        };
        let place = place_of(at);
        let node = Node { place, data };
        if anchor != 0 {
            let weight = Weight {
                nodes: self.total.nodes - before.nodes,
                text: self.total.text - before.text,
                depth: depth_of(&node),
            };
            self.weigh(at, weight.nodes, weight.text)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        Ok(node)
    }

    fn enter(&mut self, at: Marker, depth: usize, tag: Option<&Tag>, kind: &str) -> Result<(), Flaw> {
        if tag.is_some_and(|tag| !(tag.is_yaml_core_schema() && tag.suffix == kind)) {
            return Err(flaw(at, unknown_tag(tag)));
        }
        check_depth(at, depth + 1)?;
        self.weigh(at, 1, 0)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Flaw> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(nodes),
                (event, at) => nodes.push(self.node(event, at, depth)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Flaw> {
        let mut entries: Vec<Entry> = Vec::new();
        // A list of tens of thousands of keys is looked through at every one otherwise.
        let mut seen = BTreeSet::new();
        let mut merged = Vec::new();
        loop {
            let (event, at) = self.next()?;
            let (key, is_plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, 0, None) => (text, style == ScalarStyle::Plain),
                Event::Scalar(..) => return Err(flaw(at, "a key with an anchor or a tag")),
                _ => return Err(flaw(at, "a key that is no plain word")),
            };
            self.weigh(at, 1, key.len())?;
            if key.len() > MAX_KEY {
                return Err(flaw(at, format!("a key of more than {MAX_KEY} bytes")));
            }
            if seen.contains(key.as_ref()) {
                let shown = visible_within(&key, 40);
                return Err(flaw(at, format!("`{shown}` is here a second time")));
            }
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth)?;
            if is_plain && key == "<<" {
                merge(value, &mut merged)?;
                continue;
            }
            let (place, key) = (place_of(at), key.into_owned());
            seen.insert(key.clone());
            entries.push(Entry { place, key, value });
        }
        // What stands here goes before what is merged in, and earlier before later.
        for entry in merged {
            if seen.insert(entry.key.clone()) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    fn alias(&mut self, anchor: usize, at: Marker, depth: usize) -> Result<Node, Flaw> {
        let Some((_, weight)) = self.anchors.get(&anchor) else {
            return Err(flaw(at, "an alias inside of what it stands for"));
        };
        let weight = *weight;
        // Before it is copied: aliases of aliases grow without end.
        self.weigh(at, weight.nodes, weight.text)?;
        check_depth(at, depth + weight.depth)?;
        let node = self.anchors.get(&anchor).map(|(node, _)| node.clone());
        node.ok_or_else(|| flaw(at, "an alias of nothing"))
    }

    fn weigh(&mut self, at: Marker, nodes: usize, text: usize) -> Result<(), Flaw> {
        self.total.nodes += nodes;
        self.total.text += text;
        if self.total.nodes > self.most.nodes || self.total.text > self.most.text {
            return Err(flaw(at, "here it grows too large, aliases replaced"));
        }
        Ok(())
    }
}

fn check_depth(at: Marker, depth: usize) -> Result<(), Flaw> {
    match depth <= MOST.depth {
        true => Ok(()),
        false => Err(flaw(at, format!("nested deeper than {}", MOST.depth))),
    }
}

fn depth_of(node: &Node) -> usize {
    let deepest = |nodes: &mut dyn Iterator<Item = &Node>| nodes.map(depth_of).max().unwrap_or(0) + 1;
    match &node.data {
        Data::Plain(_) => 0,
        Data::List(nodes) => deepest(&mut nodes.iter()),
        Data::Map(entries) => deepest(&mut entries.iter().map(|it| &it.value)),
    }
}

/// What `<<` brings into a mapping: another's entries, or those of several.
fn merge(value: Node, into: &mut Vec<Entry>) -> Result<(), Flaw> {
    let wrong = value.flaw("`<<` takes a mapping or a list of such");
    match value.data {
        Data::Map(entries) => into.extend(entries),
        Data::List(nodes) => {
            for node in nodes {
                match node.data {
                    Data::Map(entries) => into.extend(entries),
                    _ => return Err(wrong),
                }
            }
        }
        Data::Plain(_) => return Err(wrong),
    }
    Ok(())
}

/// What a word or a text stands for.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let is_own = tag.is_some_and(|tag| tag.handle.is_empty() || tag.handle == "!");
    match tag {
        None if style == ScalarStyle::Plain => words::meaning(text),
        None => Ok(Value::from(text)),
        Some(tag) if is_own && tag.suffix.trim_matches('!').is_empty() => Ok(Value::from(text)),
        Some(tag) if tag.is_yaml_core_schema() => {
            let meaning = words::meaning(text)?;
            let fits = match tag.suffix.as_str() {
                "str" => return Ok(Value::from(text)),
                "null" => meaning.is_null(),
                "bool" => meaning.is_boolean(),
                "int" => meaning.is_i64() || meaning.is_u64(),
                "float" => meaning.is_number(),
                "binary" => return Err("!!binary: use `encoding: b64` instead".to_owned()),
                _ => return Err(unknown_tag(Some(tag))),
            };
            match fits {
                true => Ok(meaning),
                false => Err(format!("this is no !!{}", tag.suffix)),
            }
        }
        Some(tag) => Err(unknown_tag(Some(tag))),
    }
}

fn unknown_tag(tag: Option<&Tag>) -> String {
    let shown = tag.map(|tag| tag.suffix.as_str()).unwrap_or_default();
    format!(
        "a tag that cloud-init does not take: {}",
        visible_within(shown, 40)
    )
}
