//! Collects the paths in a piece of Rust: in expressions, types, attributes, macros and `use` declarations.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility};

/// A path as it is written, in segments.
pub(crate) type WrittenPath = Vec<String>;

/// One name that a `use` declaration brings into scope; a glob has no name.
pub(crate) struct Import {
    pub(crate) name: Option<String>,
    pub(crate) path: WrittenPath,
}

#[derive(Default)]
pub(crate) struct NamedPaths {
    pub(crate) paths: BTreeSet<WrittenPath>,
    /// Of `use` declarations in bodies of functions.
    pub(crate) imports: Vec<Import>,
}

impl<'ast> Visit<'ast> for NamedPaths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.paths.insert(segments.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        visit::visit_macro(self, invocation);
        self.add_tokens(invocation.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        imports(&item.tree, &mut Vec::new(), &mut self.imports);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }
}

impl NamedPaths {
    /// Adds the paths in unparsed tokens. The name of a method or of a field is none.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: WrittenPath = Vec::new();
        let mut before = [' ', ' '];
        for token in tokens {
            let mut character = ' ';
            match token {
                TokenTree::Ident(name) => {
                    if before != [':', ':'] {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    if before[1] != '.' {
                        path.push(name.to_string());
                    }
                }
                TokenTree::Punct(mark) => character = mark.as_char(),
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Literal(_) => {}
            }
            before = [before[1], character];
        }
        self.paths.insert(path);
        self.paths.remove(&Vec::new());
    }
}

/// Adds what a `use` tree brings into scope.
pub(crate) fn imports(tree: &UseTree, prefix: &mut WrittenPath, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            imports(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                imports(tree, prefix, found);
            }
        }
        UseTree::Glob(_) => found.push(Import {
            name: None,
            path: prefix.clone(),
        }),
        UseTree::Name(name) => found.push(import(&name.ident, &name.ident, prefix)),
        UseTree::Rename(rename) => found.push(import(&rename.rename, &rename.ident, prefix)),
    }
}

fn import(name: &syn::Ident, item: &syn::Ident, prefix: &[String]) -> Import {
    let mut path = prefix.to_vec();
    if item != "self" {
        path.push(item.to_string());
    }
    let name = if name == "self" {
        path.last().cloned()
    } else {
        Some(name.to_string())
    };
    Import { name, path }
}

pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return false;
        };
        list.path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}
