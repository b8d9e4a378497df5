//! Reading and writing libvirt's XML: thin help over quick-xml, so that no XML is ever formatted
//! from strings and no value can leave its place.

use crate::hypervisor::{Error, Result};
use crate::model::text;
use quick_xml::events::{BytesText, Event};
use quick_xml::{Reader, Writer, XmlVersion};
use std::io;

/// Where XML is written to. Writing to memory cannot fail, but quick-xml's signatures do not know.
pub(super) type Xml = Writer<Vec<u8>>;

/// Writes a document.
pub(super) fn document(what: &str, write: impl FnOnce(&mut Xml) -> io::Result<()>) -> Result<String> {
    let mut xml = Writer::new(Vec::with_capacity(4096));
    write(&mut xml)
        .and_then(|()| String::from_utf8(xml.into_inner()).map_err(io::Error::other))
        .map_err(|error| unusable(what, &error))
}

/// `<name attributes>…</name>`.
pub(super) fn element(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    inner: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    xml.create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_inner_content(inner)?;
    Ok(())
}

/// `<name attributes/>`.
pub(super) fn empty(xml: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    xml.create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_empty()?;
    Ok(())
}

/// `<name>value</name>`.
pub(super) fn value(xml: &mut Xml, name: &str, value: &str) -> io::Result<()> {
    xml.create_element(name)
        .write_text_content(BytesText::new(value))?;
    Ok(())
}

/// An element that was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    attributes: Vec<(String, String)>,
    /// Its text, without its children's.
    pub text: String,
}

impl Element {
    /// An attribute's value, by its full name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Every element at `path`, which begins at the document's root and names elements without their
/// prefixes.
pub(super) fn find(what: &str, xml: &str, path: &[&str]) -> Result<Vec<Element>> {
    search(xml, path).map_err(|error| unusable(what, &error))
}

/// The first element at `path`.
pub(super) fn first(what: &str, xml: &str, path: &[&str]) -> Result<Option<Element>> {
    Ok(find(what, xml, path)?.into_iter().next())
}

fn search(xml: &str, path: &[&str]) -> quick_xml::Result<Vec<Element>> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    // How deep the reader is, and how many of the outermost elements follow the path.
    let (mut depth, mut along) = (0, 0);
    let mut open: Option<Element> = None;
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                if along == depth && path.get(depth) == Some(&start.local_name().as_ref()) {
                    along += 1;
                    if along == path.len() {
                        open = Some(Element {
                            attributes: attributes(&start)?,
                            text: String::new(),
                        });
                    }
                }
                depth += 1;
            }
            Event::Empty(start) => {
                if along == depth && depth + 1 == path.len() && path[depth] == start.local_name().as_ref() {
                    found.push(Element {
                        attributes: attributes(&start)?,
                        text: String::new(),
                    });
                }
            }
            Event::End(_) => {
                if depth == path.len() {
                    found.extend(open.take());
                }
                depth = depth.saturating_sub(1);
                along = along.min(depth);
            }
            Event::Text(text) => {
                if let Some(element) = open.as_mut().filter(|_| depth == path.len()) {
                    element.text.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.as_mut().filter(|_| depth == path.len()) {
                    element.text.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(element) = open.as_mut().filter(|_| depth == path.len()) {
                    match reference.resolve_char_ref()? {
                        Some(character) => element.text.push(character),
                        None => element.text.push_str(
                            quick_xml::escape::resolve_predefined_entity(&reference).unwrap_or_default(),
                        ),
                    }
                }
            }
            Event::Eof => return Ok(found),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn attributes(start: &quick_xml::events::BytesStart<'_>) -> quick_xml::Result<Vec<(String, String)>> {
    start
        .attributes()
        .map(|attribute| {
            let attribute = attribute?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0)?;
            Ok((attribute.key.as_ref().to_owned(), value.into_owned()))
        })
        .collect()
}

fn unusable(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Failed {
        call: format!("XML of {}", text::visible(what)),
        reason: text::visible_within(&error.to_string(), 300),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POOL: &str = "<?xml version='1.0'?><pool type='dir'><name>a &amp; b</name><!-- no -->\
        <target note='x &lt; y'><path>/var/&#x6c;ib</path><permissions><mode>0711</mode></permissions>\
        </target><target/><other><target><path>elsewhere</path></target></other></pool>";

    #[test]
    fn elements_are_found_where_they_are_looked_for() {
        let texts = |path: &[&str]| -> Vec<String> {
            find("pool", POOL, path)
                .unwrap()
                .into_iter()
                .map(|element| element.text)
                .collect()
        };
        assert_eq!(texts(&["pool", "name"]), ["a & b"]);
        assert_eq!(
            texts(&["pool", "target", "path"]),
            ["/var/lib"],
            "not the one in <other>"
        );
        assert_eq!(
            texts(&["pool", "target"]),
            ["", ""],
            "an empty one counts, children's text does not"
        );
        assert_eq!(
            texts(&["target", "path"]),
            Vec::<String>::new(),
            "a path begins at the root"
        );
        let target = first("pool", POOL, &["pool", "target"]).unwrap().unwrap();
        assert_eq!(target.attribute("note"), Some("x < y"));
        assert_eq!(target.attribute("type"), None);
    }

    #[test]
    fn a_broken_document_is_an_error_that_cannot_reach_the_terminal() {
        let error = find(
            "domain \x1b[2J",
            "<domain><name>x</other></domain>",
            &["domain", "name"],
        )
        .unwrap_err();
        assert!(
            matches!(&error, Error::Failed { call, .. } if call == "XML of domain ␛[2J"),
            "{error:?}"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(hostile in "[\\PC\n\t<>&'\"]*") {
            let written = document("test", |xml| {
                element(xml, "domain", &[("title", &hostile)], |xml| value(xml, "name", &hostile))
            }).unwrap();
            let name = first("test", &written, &["domain", "name"]).unwrap().unwrap();
            prop_assert_eq!(&name.text, &hostile);
            // Reading an attribute turns line breaks and tabs into spaces unless they are
            // written as references.
            let domain = first("test", &written, &["domain"]).unwrap().unwrap();
            let flat = |text: &str| text.replace(['\n', '\t'], " ");
            prop_assert_eq!(flat(domain.attribute("title").unwrap()), flat(&hostile));
        }
    }
}
