//! `cargo xtask api`: the public items of the libraries against the committed lists of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use public_api::{Builder, PublicApi};

use crate::workspace;

const LISTS: &str = "docs/api";
const WRITE: &str = "--write";

/// A library, and the features whose items are listed too. The feature `probes` is covered by no promise.
struct Library {
    package: &'static str,
    features: &'static str,
}

const LIBRARIES: [Library; 3] = [
    Library {
        package: "stonekeep-format",
        features: "serde",
    },
    Library {
        package: "stonekeep",
        features: "hdfs,object-store,serde",
    },
    Library {
        package: "stonekeep-rocksdb",
        features: "",
    },
];

/// Fails if a public item was added, changed or removed, and its list was not; with `--write`, writes the lists.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let write = match arguments {
        [] => false,
        [argument] if argument == WRITE => true,
        _ => return Err(format!("usage: cargo xtask api [{WRITE}]")),
    };
    let rustdoc = rustdoc_with_unstable_options()?;
    let mut is_as_listed = true;
    for library in &LIBRARIES {
        let api = public_items(library, &rustdoc)?;
        let list = workspace::root()
            .join(LISTS)
            .join(library.package)
            .with_extension("txt");
        if write {
            fs::write(&list, text(&api)).map_err(|error| format!("{}: {error}", list.display()))?;
        } else {
            is_as_listed &= compare(library.package, &api, &list)?;
        }
    }
    if is_as_listed {
        return Ok(());
    }
    Err(format!(
        "the public API is not what {LISTS} lists. If that is intended, run \"cargo xtask api {WRITE}\", commit the lists, \
         and describe the change in CHANGELOG.md; an item removed or changed needs a new minor version before 1.0"
    ))
}

/// A rustdoc of the toolchain in use that takes unstable options: its JSON output is one. The variable is set for rustdoc
/// alone, since build scripts look at it, too, and would run again.
fn rustdoc_with_unstable_options() -> Result<PathBuf, String> {
    let script = workspace::target().join("rustdoc-json.sh");
    let rustdoc = std::env::var("RUSTDOC").unwrap_or_else(|_| "rustdoc".to_owned());
    let text = format!("#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec '{rustdoc}' \"$@\"\n");
    fs::write(&script, text)
        .and_then(|()| make_executable(&script))
        .map_err(|error| format!("{}: {error}", script.display()))?;
    Ok(script)
}

fn make_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

fn public_items(library: &Library, rustdoc: &Path) -> Result<PublicApi, String> {
    let mut command = workspace::cargo();
    command
        .env("RUSTDOC", rustdoc)
        .args([
            "rustdoc",
            "--quiet",
            "--locked",
            "--lib",
            "--package",
            library.package,
        ])
        .args(["--features", library.features])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    workspace::run(&mut command)?;
    let json = workspace::target()
        .join("doc")
        .join(library.package.replace('-', "_"))
        .with_extension("json");
    Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .map_err(|error| {
            format!("{error}; the lists are made with the stable Rust that the latest public-api crate reads")
        })
}

fn text(api: &PublicApi) -> String {
    api.items().map(|item| format!("{item}\n")).collect()
}

/// Prints the lines that differ, and returns whether there are none.
fn compare(package: &str, api: &PublicApi, list: &Path) -> Result<bool, String> {
    let listed = fs::read_to_string(list).map_err(|error| format!("{}: {error}", list.display()))?;
    let found = text(api);
    let (listed, found): (BTreeSet<_>, BTreeSet<_>) = (listed.lines().collect(), found.lines().collect());
    for line in listed.difference(&found) {
        println!("{package}: - {line}");
    }
    for line in found.difference(&listed) {
        println!("{package}: + {line}");
    }
    Ok(listed == found)
}
