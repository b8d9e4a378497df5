//! What the README tells is what the program does.
#![cfg(test)]

use twarga::front::tui::keys::markdown;

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_shows_the_table_of_keys() {
    let begin = README.find("<!-- keys:").expect("the table's beginning");
    let begin = begin + README[begin..].find('\n').expect("a line") + 1;
    let end = README.find("<!-- end of keys -->").expect("the table's end");
    assert_eq!(
        README[begin..end].trim(),
        markdown().trim(),
        "copy the right side into README.md"
    );
}
