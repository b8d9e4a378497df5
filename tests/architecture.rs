//! Who may use whom, held by a test (DESIGN: "Who may use whom").
//!
//! Every file below `src` is parsed; every path in it must lead to where its layer may look. The
//! tables below are the architecture: whoever wants to change it changes them, and says why.
//! Re-exports are the gates: a front gets a hypervisor's type from `core`, never past it.

#![cfg(test)]

#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/self_test.rs"]
mod self_test;

use paths::{Facts, Named};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Layers and the layers that each may use beside itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("hypervisor", &["model"]),
    ("store", &["model"]),
    ("core", &["model", "hypervisor", "store"]),
    ("front", &["model", "core"]),
    ("config", &["model", "core"]),
    ("logging", &["model", "core"]),
    // `main`'s other half: may name everything, and nothing may name it.
    (
        "assemble",
        &[
            "model",
            "hypervisor",
            "store",
            "core",
            "front",
            "config",
            "logging",
            "demo",
        ],
    ),
    // Assembles the invented world, as `main` assembles the real one.
    ("demo", &["model", "core", "hypervisor", "store"]),
];

/// Crates that one part of the program keeps to itself.
const PRIVATE_CRATES: &[(&str, &str)] = &[
    ("virt", "hypervisor::libvirt"),
    ("virt_sys", "hypervisor::libvirt"),
    ("rusqlite", "store"),
    ("reqwest", "core::images::fetch"),
    ("saphyr_parser", "core::seed::yaml"),
    ("ratatui", "front"),
    ("crossterm", "front"),
    ("tui_input", "front"),
    ("ratatui_textarea", "front::tui::widgets::editor"),
    ("alacritty_terminal", "front::tui::console::emulator"),
];

/// What reads the surroundings, and the modules that may; `main` may, too.
const SURROUNDINGS: &[&str] = &["args", "args_os", "var", "var_os", "vars", "vars_os"];
const MAY_READ_SURROUNDINGS: &[&str] = &["config"];

/// What the model must not name: it does no IO and reads no clock.
const NOT_IN_MODEL: &[&str] = &[
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::os",
    "std::io",
    "tokio",
    "libc",
    "getrandom",
];
/// Functions that read a clock, by the end of their path.
const CLOCKS: &[(&str, &str)] = &[
    ("Timestamp", "now"),
    ("Zoned", "now"),
    ("Instant", "now"),
    ("SystemTime", "now"),
];

/// The longest file that needs no reason, lines.
const LONG_FILE: usize = 400;
/// The longest function, lines.
const LONG_FUNCTION: usize = 100;
/// Longer files, with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// A source file: its path below `src` and its text.
type Source = (String, String);

#[test]
fn every_file_uses_only_what_its_layer_may() {
    let found = violations(&sources());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_long_file_that_has_become_short_needs_no_reason_any_more() {
    let sources: BTreeMap<String, String> = sources().into_iter().collect();
    for (file, _) in LONG_FILES {
        let lines = sources.get(*file).map_or(0, |text| text.lines().count());
        assert!(
            lines > LONG_FILE,
            "{file} has {lines} lines: take it off the list"
        );
    }
}

/// All files below `src`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let file = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((file, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 30, "this is not all of it: {found:?}");
    found
}

/// Everything that breaks a rule, as `file:line: what`.
fn violations(sources: &[Source]) -> Vec<String> {
    let mut modules: BTreeSet<Vec<String>> = BTreeSet::new();
    for (file, _) in sources {
        let module = paths::module_of(file);
        // A folder is a module even where only its children have files here.
        modules.extend((1..=module.len()).map(|depth| module[..depth].to_vec()));
    }
    let read =
        |(file, text): &Source, in_tests| paths::read(&paths::module_of(file), text, &modules, in_tests);
    let test_modules: Vec<Vec<String>> = sources
        .iter()
        .flat_map(|source| read(source, false).test_modules)
        .collect();

    let mut found = Vec::new();
    for source in sources {
        let module = paths::module_of(&source.0);
        let in_tests = test_modules.iter().any(|it| module.starts_with(it));
        let facts = read(source, in_tests);
        let mut say = |line: usize, what: String| found.push(format!("src/{}:{line}: {what}", source.0));
        for named in &facts.named {
            if let Some(what) = judge(&module, named) {
                say(named.line, format!("`{}`: {what}", named.segments.join("::")));
            }
        }
        for (line, what) in shape(source, &facts) {
            say(line, what);
        }
    }
    found
}

/// Why a path must not stand in a module.
fn judge(module: &[String], named: &Named) -> Option<String> {
    let layer = module.first().map(String::as_str);
    let path = named.segments.join("::");
    let is_below = |of: &str| path == of || path.starts_with(&format!("{of}::"));
    let here = module.join("::");
    let stands_in = |owner: &str| here == owner || here.starts_with(&format!("{owner}::"));

    if named.segments[0] == "crate" {
        let (layer, target) = (layer?, named.segments.get(1)?.as_str());
        return judge_layer(layer, target, named.in_tests);
    }
    if let Some((name, owner)) = PRIVATE_CRATES.iter().find(|(name, _)| named.segments[0] == *name) {
        return (!stands_in(owner)).then(|| format!("only {owner} may name {name}"));
    }
    let reads = SURROUNDINGS
        .iter()
        .any(|it| is_below(&format!("std::env::{it}")) || is_below(&format!("env::{it}")));
    let may_read = layer.is_none_or(|layer| MAY_READ_SURROUNDINGS.contains(&layer));
    if reads && !may_read && !named.in_tests {
        return Some("only main and config read arguments and environment".to_owned());
    }
    if layer == Some("model") && !named.in_tests {
        let reads_clock = |(kind, function): &(&str, &str)| {
            named
                .segments
                .ends_with(&[(*kind).to_owned(), (*function).to_owned()])
        };
        if NOT_IN_MODEL.iter().any(|it| is_below(it)) {
            return Some("the model does no IO".to_owned());
        }
        if CLOCKS.iter().any(reads_clock) {
            return Some("the model reads no clock".to_owned());
        }
    }
    None
}

/// Why a layer must not name another one. Tests of a layer may use all that is below it, to set
/// their scene: the simulator above all.
fn judge_layer(layer: &str, target: &str, in_tests: bool) -> Option<String> {
    let Some((_, may)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return Some(format!("{layer} is no layer: add it to LAYERS"));
    };
    let is_layer = LAYERS.iter().any(|(name, _)| *name == target);
    let below = |layer: &&str| {
        LAYERS
            .iter()
            .any(|(name, may)| name == layer && may.contains(&target))
    };
    if layer == target || !is_layer || may.contains(&target) || (in_tests && may.iter().any(below)) {
        return None;
    }
    Some(format!("{layer} may not use {target}"))
}

/// Files and functions that are too long, and modules in odd places.
fn shape((file, text): &Source, facts: &Facts) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LONG_FILE && !LONG_FILES.iter().any(|(named, _)| named == file) {
        found.push((
            1,
            format!("{lines} lines: split it, or name it in LONG_FILES with the reason"),
        ));
    }
    for function in facts
        .functions
        .iter()
        .filter(|function| function.lines > LONG_FUNCTION)
    {
        found.push((
            function.line,
            format!("fn {} has {} lines", function.name, function.lines),
        ));
    }
    found.extend(
        facts
            .relocated
            .iter()
            .map(|line| (*line, "a module belongs where its name says".to_owned())),
    );
    found
}
