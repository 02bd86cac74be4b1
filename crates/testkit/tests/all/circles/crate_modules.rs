//! The modules of a crate: what each defines and imports, and which file a path leads to.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;
use syn::{Item, ItemMod, Visibility};

use super::named_paths::{Import, NamedPaths, WrittenPath, imports, is_for_tests};

/// A module by its path from the root of the crate.
pub(crate) type ModulePath = Vec<String>;

#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: String,
    defined: BTreeSet<String>,
    imported: BTreeMap<String, WrittenPath>,
    globs: Vec<WrittenPath>,
    /// The paths that make it depend on others: private imports, and whatever its code names.
    pub(crate) used: BTreeSet<WrittenPath>,
}

/// Where a folder of files belongs in the tree of modules.
struct Place<'a> {
    file: &'a str,
    /// The folder of the files of its child modules.
    children: String,
    module: ModulePath,
}

pub(crate) struct CrateModules {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

impl CrateModules {
    /// Reads the modules below a root, which is the path of one of the files.
    pub(crate) fn parse(files: &BTreeMap<String, String>, root: &str) -> CrateModules {
        let mut modules = CrateModules {
            modules: BTreeMap::new(),
        };
        let children = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        modules.add_file(files, root, children.to_owned(), ModulePath::new());
        modules
    }

    fn add_file(
        &mut self,
        files: &BTreeMap<String, String>,
        file: &str,
        children: String,
        module: ModulePath,
    ) {
        let items = syn::parse_file(&files[file]).unwrap().items;
        self.add_module(
            files,
            &items,
            Place {
                file,
                children,
                module,
            },
        );
    }

    fn add_module(&mut self, files: &BTreeMap<String, String>, items: &[Item], place: Place<'_>) {
        let mut module = Module {
            file: place.file.to_owned(),
            ..Module::default()
        };
        let mut named = NamedPaths::default();
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            module.defined.extend(defined_name(item));
            match item {
                Item::Mod(child) => self.add_child(files, child, &place),
                Item::Use(item) => {
                    let mut found = Vec::new();
                    imports(&item.tree, &mut Vec::new(), &mut found);
                    module.add_imports(found, matches!(item.vis, Visibility::Inherited));
                }
                item => named.visit_item(item),
            }
        }
        module.add_imports(named.imports, true);
        module.used.extend(named.paths);
        self.modules.insert(place.module, module);
    }

    fn add_child(&mut self, files: &BTreeMap<String, String>, child: &ItemMod, parent: &Place<'_>) {
        let name = child.ident.to_string();
        let children = format!("{}/{name}", parent.children);
        let module = [parent.module.as_slice(), &[name]].concat();
        if let Some((_, items)) = &child.content {
            return self.add_module(
                files,
                items,
                Place {
                    file: parent.file,
                    children,
                    module,
                },
            );
        }
        let candidates = [format!("{children}.rs"), format!("{children}/mod.rs")];
        let file = candidates.iter().find(|path| files.contains_key(*path));
        let file = file.unwrap_or_else(|| panic!("{} has no file for {children}", parent.file));
        self.add_file(files, file, children, module);
    }

    /// The file that defines what a path of a module leads to, if that is in this crate and is no module.
    pub(crate) fn defining_file(&self, from: &[String], path: &[String]) -> Option<&str> {
        self.resolve(from, path, &mut BTreeSet::new())
    }

    fn resolve(
        &self,
        from: &[String],
        path: &[String],
        visited: &mut BTreeSet<(ModulePath, WrittenPath)>,
    ) -> Option<&str> {
        // A function that is imported from a crate of its name leads to itself, with one more segment each time.
        let is_new = visited.insert((from.to_vec(), path.to_vec()));
        if !is_new || visited.len() > 100 {
            return None;
        }
        let (name, rest) = path.split_first()?;
        match name.as_str() {
            "crate" => return self.resolve(&[], rest, visited),
            "self" => return self.resolve(from, rest, visited),
            "super" => return self.resolve(from.split_last()?.1, rest, visited),
            _ => {}
        }
        let module = self.modules.get(from)?;
        let child = [from, std::slice::from_ref(name)].concat();
        if !rest.is_empty() && self.modules.contains_key(&child) {
            return self.resolve(&child, rest, visited);
        }
        if module.defined.contains(name) {
            return Some(&module.file);
        }
        if let Some(target) = module.imported.get(name) {
            return self.resolve(from, &[target.as_slice(), rest].concat(), visited);
        }
        module
            .globs
            .iter()
            .find_map(|glob| self.resolve(from, &[glob.as_slice(), path].concat(), visited))
    }
}

impl Module {
    fn add_imports(&mut self, found: Vec<Import>, are_private: bool) {
        for Import { name, path } in found {
            match name {
                Some(name) => {
                    if are_private {
                        self.used.insert(path.clone());
                    }
                    self.imported.insert(name, path);
                }
                None => self.globs.push(path),
            }
        }
    }
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
