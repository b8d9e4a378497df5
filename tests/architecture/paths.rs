//! Every path that a source file names, resolved to where it leads.
//!
//! Collected from the syntax tree, so that an inline `rusqlite::Connection` counts as much as a
//! `use`, and from the tokens of macros, which have no tree. `crate`, `self`, `super` and the names
//! of child modules are resolved; what is left begins with the name of a crate.

use proc_macro2::{LineColumn, TokenStream, TokenTree};
use std::collections::BTreeSet;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemExternCrate, ItemMod, ItemUse, Macro, UseTree};

/// Our own crate's name, as `main` and macros write it.
const OWN: &str = "twarga";

/// A path that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Segments, `crate` first where it leads into this crate.
    pub segments: Vec<String>,
    /// Line, counted from 1.
    pub line: usize,
    /// Whether it stands in code that only tests have.
    pub in_tests: bool,
}

/// A function and its length.
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its first line.
    pub line: usize,
    /// Lines from signature to closing brace.
    pub lines: usize,
}

/// What there is to know about a file.
#[derive(Default)]
pub struct Facts {
    /// Paths.
    pub named: Vec<Named>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Modules declared in files of their own that only tests have.
    pub test_modules: Vec<Vec<String>>,
    /// Lines with `#[path = …]` outside tests: a module that is not where its name says.
    pub relocated: Vec<usize>,
}

/// The module that a file below `src` is: `core/vms/mod.rs` is `core::vms`.
pub fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut segments: Vec<String> = stem.split('/').map(str::to_owned).collect();
    let last = segments.last().map(String::as_str);
    if last == Some("mod") || (segments.len() == 1 && matches!(last, Some("lib" | "main"))) {
        segments.pop();
    }
    segments
}

/// Reads a file.
///
/// # Panics
/// It is not Rust.
pub fn read(module: &[String], text: &str, modules: &BTreeSet<Vec<String>>, in_tests: bool) -> Facts {
    let file = syn::parse_file(text).unwrap();
    let mut reader = Reader {
        module: module.to_vec(),
        modules,
        in_tests,
        facts: Facts::default(),
    };
    reader.visit_file(&file);
    reader.facts
}

struct Reader<'a> {
    module: Vec<String>,
    modules: &'a BTreeSet<Vec<String>>,
    in_tests: bool,
    facts: Facts,
}

impl Reader<'_> {
    fn name(&mut self, segments: &[String], at: LineColumn, is_use: bool) {
        if let Some(segments) = self.resolve(segments, is_use) {
            self.facts.named.push(Named {
                segments,
                line: at.line,
                in_tests: self.in_tests,
            });
        }
    }

    /// Where a path leads; `None` for what is local for certain.
    fn resolve(&self, segments: &[String], is_use: bool) -> Option<Vec<String>> {
        let own = || vec!["crate".to_owned()];
        let mut base = match segments.first()?.as_str() {
            "crate" | OWN => own(),
            "self" => [own(), self.module.clone()].concat(),
            "super" => {
                let ups = segments.iter().take_while(|it| *it == "super").count();
                let kept = self.module.len().saturating_sub(ups);
                let mut base = [own(), self.module[..kept].to_vec()].concat();
                base.extend_from_slice(&segments[ups..]);
                return Some(base);
            }
            first => {
                let child = [&self.module[..], &[first.to_owned()]].concat();
                if self.modules.contains(&child) {
                    [own(), child].concat()
                } else if segments.len() > 1 || is_use {
                    vec![first.to_owned()]
                } else {
                    return None;
                }
            }
        };
        base.extend_from_slice(&segments[1..]);
        Some(base)
    }

    fn use_tree(&mut self, tree: &UseTree, prefix: &[String]) {
        let at = tree.span().start();
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(tree, prefix)),
            UseTree::Glob(_) => self.name(prefix, at, true),
            UseTree::Name(name) if name.ident == "self" => self.name(prefix, at, true),
            UseTree::Name(name) => self.name(&with(&name.ident), at, true),
            UseTree::Rename(rename) if rename.ident == "self" => self.name(prefix, at, true),
            UseTree::Rename(rename) => self.name(&with(&rename.ident), at, true),
        }
    }

    /// Finds `a::b::c` in the tokens of a macro, and `a::{b, c}` with `a` as `prefix` of the rest.
    fn tokens(&mut self, tokens: TokenStream, prefix: &[String]) {
        let mut path: Vec<String> = Vec::new();
        let mut at = None;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 || path.is_empty() {
                        self.token_path(prefix, &mut path, at);
                        at = Some(ident.span().start());
                    }
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    let inner = if colons == 2 { path.clone() } else { Vec::new() };
                    self.token_path(prefix, &mut path, at);
                    self.tokens(group.stream(), &inner);
                }
                _ => self.token_path(prefix, &mut path, at),
            }
            colons = 0;
        }
        self.token_path(prefix, &mut path, at);
    }

    fn token_path(&mut self, prefix: &[String], path: &mut Vec<String>, at: Option<LineColumn>) {
        let path = [prefix, &std::mem::take(path)].concat();
        if let Some(at) = at {
            self.name(&path, at, false);
        }
    }

    fn function(&mut self, signature: &syn::Signature, whole: proc_macro2::Span) {
        let line = signature.span().start().line;
        self.facts.functions.push(Function {
            name: signature.ident.to_string(),
            line,
            lines: whole.end().line + 1 - line,
        });
    }

    /// Visits something that only tests have if it is marked so.
    fn marked(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let before = self.in_tests;
        self.in_tests |= attributes.iter().any(is_for_tests);
        visit(self);
        self.in_tests = before;
    }
}

/// `#[cfg(test)]` or `#[test]`. `#[cfg(not(test))]` and `any(test, …)` are code like any other.
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("test")
        || (attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test")))
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.marked(&item.attrs, |this| this.use_tree(&item.tree, &[]));
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        self.name(&[item.ident.to_string()], item.span().start(), true);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        let at = path.span().start();
        if path.leading_colon.is_some() {
            self.facts.named.push(Named {
                segments,
                line: at.line,
                in_tests: self.in_tests,
            });
        } else {
            self.name(&segments, at, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone(), &[]);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone(), &[]);
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.marked(&item.attrs, |this| {
            this.module.push(item.ident.to_string());
            if item.content.is_none() && this.in_tests {
                this.facts.test_modules.push(this.module.clone());
            }
            if !this.in_tests && item.attrs.iter().any(|it| it.path().is_ident("path")) {
                this.facts.relocated.push(item.span().start().line);
            }
            visit::visit_item_mod(this, item);
            this.module.pop();
        });
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.span());
        self.marked(&item.attrs, |this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, item.span());
        self.marked(&item.attrs, |this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.marked(&item.attrs, |this| visit::visit_item_impl(this, item));
    }
}
