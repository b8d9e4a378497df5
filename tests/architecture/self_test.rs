//! The rules' own test: each catches its breach, and none cries at what is allowed.

use super::{LONG_FILE, LONG_FUNCTION, Source, violations};

/// What is found in one bad line at that place, with a few other modules around it.
fn found_in(file: &str, text: &str) -> String {
    let around = [
        "lib.rs",
        "core/mod.rs",
        "front/mod.rs",
        "store/mod.rs",
        "hypervisor/libvirt/mod.rs",
    ];
    let mut sources: Vec<Source> = around
        .into_iter()
        .filter(|other| *other != file)
        .map(|other| (other.to_owned(), String::new()))
        .collect();
    sources.push((file.to_owned(), text.to_owned()));
    violations(&sources).join("\n")
}

/// Where, what, and what is to be said of it.
const BREACHES: &[(&str, &str, &str)] = &[
    (
        "model/vm.rs",
        "use crate::hypervisor::Host;",
        "model may not use hypervisor",
    ),
    ("model/vm.rs", "use std::{fmt, fs};", "does no IO"),
    (
        "model/vm.rs",
        "fn f() { std::process::Command::new(\"x\"); }",
        "does no IO",
    ),
    ("model/vm.rs", "use std::net::{IpAddr, TcpStream};", "does no IO"),
    (
        "model/vm.rs",
        "async fn f() { tokio::task::yield_now().await }",
        "does no IO",
    ),
    (
        "model/vm.rs",
        "fn f() { jiff::Timestamp::now(); }",
        "reads no clock",
    ),
    ("model/vm.rs", "fn f() { Timestamp::now(); }", "reads no clock"),
    (
        "hypervisor/mod.rs",
        "fn f(it: crate::store::Store) {}",
        "hypervisor may not use store",
    ),
    (
        "hypervisor/mod.rs",
        "use super::store::Store;",
        "hypervisor may not use store",
    ),
    (
        "store/a/b.rs",
        "use super::super::super::hypervisor;",
        "store may not use hypervisor",
    ),
    (
        "store/a.rs",
        "mod b { mod c { fn f() { super::super::super::super::core::f() } } }",
        "may not use core",
    ),
    (
        "hypervisor/sim.rs",
        "use virt::connect::Connect;",
        "only hypervisor::libvirt may name virt",
    ),
    (
        "core/mod.rs",
        "fn f() { unsafe { virt_sys::virFree() } }",
        "may name virt_sys",
    ),
    (
        "core/mod.rs",
        "use rusqlite as r;",
        "only store may name rusqlite",
    ),
    (
        "core/mod.rs",
        "use {rusqlite::Connection};",
        "only store may name rusqlite",
    ),
    (
        "core/mod.rs",
        "extern crate rusqlite;",
        "only store may name rusqlite",
    ),
    (
        "core/mod.rs",
        "fn f() { ::rusqlite::version(); }",
        "only store may name rusqlite",
    ),
    (
        "core/mod.rs",
        "fn f() { vec![rusqlite::version()]; }",
        "only store may name rusqlite",
    ),
    (
        "core/mod.rs",
        "macro_rules! m { () => { rusqlite::version() } }",
        "only store may name rusqlite",
    ),
    (
        "core/images/mod.rs",
        "use reqwest::Client;",
        "only core::images::fetch may name reqwest",
    ),
    (
        "core/mod.rs",
        "fn f<T: ratatui::backend::Backend>(t: T) {}",
        "only front may name ratatui",
    ),
    (
        "core/mod.rs",
        "type E = crossterm::event::Event;",
        "only front may name crossterm",
    ),
    (
        "core/mod.rs",
        "use tui_input::Input;",
        "only front may name tui_input",
    ),
    ("core/mod.rs", "use crate::front::tui;", "core may not use front"),
    (
        "core/mod.rs",
        "use crate::{config::Config, model};",
        "core may not use config",
    ),
    (
        "core/mod.rs",
        "pub use super::front::*;",
        "core may not use front",
    ),
    (
        "front/mod.rs",
        "use crate::store::Store;",
        "front may not use store",
    ),
    (
        "front/mod.rs",
        "fn f() { format!(\"{}\", crate::store::VERSION); }",
        "front may not use store",
    ),
    (
        "front/mod.rs",
        "fn f() { std::env::var(\"HOME\"); }",
        "only main and config read",
    ),
    (
        "front/mod.rs",
        "use std::env; fn f() { env::args(); }",
        "only main and config read",
    ),
    ("extra.rs", "use crate::core::Core;", "extra is no layer"),
    (
        "core/mod.rs",
        "#[path = \"../store/mod.rs\"] mod inside;",
        "belongs where its name says",
    ),
    (
        "core/mod.rs",
        "fn f() { m! { use crate::{model, front::tui}; } }",
        "core may not use front",
    ),
];

#[test]
fn each_rule_catches_its_breach() {
    for (file, text, what) in BREACHES {
        let found = found_in(file, text);
        assert!(found.contains(what), "{file}: {text}\nfound only: {found}");
    }
    let long_function = format!("fn long() {{\n{}}}", "\n".repeat(LONG_FUNCTION));
    assert!(found_in("core/mod.rs", &long_function).contains("fn long has 102 lines"));
    let long_file = "\n".repeat(LONG_FILE + 1);
    assert!(found_in("core/mod.rs", &long_file).contains("401 lines"));
}

#[test]
fn what_is_allowed_is_not_found() {
    let allowed = [
        (
            "core/mod.rs",
            "use crate::{hypervisor::Host, model::*, store::Store};",
        ),
        (
            "core/mod.rs",
            "fn f() { let rusqlite = 1; rusqlite + 1; println!(\"{}\", rusqlite); }",
        ),
        ("core/time.rs", "fn f() { Timestamp::now(); }"),
        (
            "hypervisor/libvirt/x/y.rs",
            "use virt::connect::Connect; use virt_sys as sys;",
        ),
        ("store/mod.rs", "use rusqlite::Connection;"),
        (
            "front/tui/mod.rs",
            "use crate::core::Core; use super::super::core::Ctx; use ratatui::Frame;",
        ),
        ("config.rs", "fn f() { std::env::vars_os(); }"),
        (
            "main.rs",
            "use twarga::{config, core, hypervisor, store}; fn f() { std::env::args_os(); }",
        ),
        (
            "model/vm.rs",
            "use std::net::IpAddr; use std::fmt; use jiff::Timestamp;",
        ),
        // A child that is called like a crate, or like a layer.
        ("front/mod.rs", "mod rusqlite { pub fn f() {} }"),
        ("hypervisor/mod.rs", "use libvirt::Libvirt;"),
        // Tests set their scene with what lies below.
        (
            "front/mod.rs",
            "#[cfg(test)] mod tests { use crate::hypervisor::sim::Sim; use std::env::var; }",
        ),
        (
            "model/vm.rs",
            "#[cfg(test)] mod tests { fn f() { std::fs::read(\"x\"); } }",
        ),
    ];
    for (file, text) in allowed {
        assert_eq!(found_in(file, text), "", "{file}: {text}");
    }
}

#[test]
fn tests_are_tests_in_files_of_their_own_and_nothing_else_is() {
    let declared = |attribute: &str| {
        let sources = [
            ("front/mod.rs".to_owned(), format!("{attribute} mod tests;")),
            (
                "front/tests.rs".to_owned(),
                "use crate::hypervisor::sim::Sim;".to_owned(),
            ),
        ];
        violations(&sources).len()
    };
    assert_eq!(declared("#[cfg(test)]"), 0);
    assert_eq!(declared("#[cfg(not(test))]"), 1);
    assert_eq!(declared(""), 1);
    let above = found_in("core/mod.rs", "#[cfg(test)] mod tests { use crate::front::tui; }");
    assert!(
        above.contains("core may not use front"),
        "not even tests look up: {above}"
    );
}
