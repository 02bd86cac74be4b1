//! Which file depends on which, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use super::crate_modules::CrateModules;

/// From a file to the files that it depends on, with the names that it takes from each.
#[derive(Default)]
pub(crate) struct Dependencies {
    edges: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Dependencies {
    pub(crate) fn add(&mut self, modules: &CrateModules) {
        for (module_path, module) in &modules.modules {
            for path in &module.used {
                let Some(file) = modules.defining_file(module_path, path) else {
                    continue;
                };
                if file != module.file {
                    let edges = self.edges.entry(module.file.clone()).or_default();
                    edges
                        .entry(file.to_owned())
                        .or_default()
                        .extend(path.last().cloned());
                }
            }
        }
    }

    fn targets(&self, file: &str) -> impl Iterator<Item = &String> {
        self.edges.get(file).into_iter().flat_map(BTreeMap::keys)
    }

    fn reachable_from(&self, file: &str) -> BTreeSet<&str> {
        let mut reachable = BTreeSet::new();
        let mut next: Vec<&String> = self.targets(file).collect();
        while let Some(file) = next.pop() {
            if reachable.insert(file.as_str()) {
                next.extend(self.targets(file));
            }
        }
        reachable
    }

    /// The sets of files in which each file depends on each other one.
    pub(crate) fn circles(&self) -> BTreeSet<Vec<&str>> {
        let reachable: BTreeMap<&str, BTreeSet<&str>> = self
            .edges
            .keys()
            .map(|file| (file.as_str(), self.reachable_from(file)))
            .collect();
        let reaches = |from: &str, to: &str| reachable.get(from).is_some_and(|files| files.contains(to));
        let files = reachable.keys().filter(|file| reaches(file, file));
        files
            .map(|file| {
                let circle = reachable[file].iter().filter(|other| reaches(other, file));
                circle.copied().collect()
            })
            .collect()
    }

    /// The files of a circle, and what each takes from others of it.
    pub(crate) fn describe(&self, circle: &[&str]) -> String {
        let mut text = format!("circle of {} files:\n", circle.len());
        for file in circle {
            for (target, names) in &self.edges[*file] {
                if circle.contains(&target.as_str()) {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    text.push_str(&format!("  {file} -> {target}: {}\n", names.join(", ")));
                }
            }
        }
        text
    }
}
