//! The commands that are given what is hostile, and what each of them may change.

use std::ffi::OsString;
use std::path::PathBuf;

use fastrand::Rng;

use super::shot;
use super::site::Site;

/// A command line, and where it may write.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) words: Vec<OsString>,
    pub(super) may_change: Vec<PathBuf>,
    /// Restores to there must leave files and directories only.
    pub(super) restores_to: Vec<PathBuf>,
    /// Files there may get second names.
    pub(super) links: Vec<PathBuf>,
    /// What it is called in reports.
    pub(super) name: String,
}

/// Each with its options. `R` is the repository, `D` the database, `T` the target, which is a database; others are new directories.
const READERS: [&str; 24] = [
    "list --repo R",
    "list --deleted --repo R",
    "show --repo R",
    "show ID --repo R",
    "diff ID ID2 --repo R",
    "check --repo R",
    "verify --repo R",
    "verify --level size --repo R",
    "verify --level deep --repo R",
    "verify --level deep --repo R",
    "verify --database D",
    "restore ID --repo R --to fresh",
    "restore latest --repo R --to fresh",
    "restore latest-valid --repo R --to fresh",
    "restore ID --repo R --to fresh --wal-dir wals",
    "restore ID --repo R --to fresh --best-effort",
    "restore ID --repo R --to T",
    "restore latest-valid --repo R --to T --mode verify-checksum --allow-other-database",
    "restore ID --repo R --to T --mode keep-latest-db-session-id-files --keep-log-files",
    "restore ID --repo R --to T --keep-old kept",
    "restore --abort --to T",
    "drill --repo R --scratch scratch",
    "open ID --repo R --at opened",
    "copy --all --from R --to other",
];

const WRITERS: [&str; 15] = [
    "backup D --repo R",
    "backup D --repo R --include conf/** --include notes",
    "backup D --repo other",
    "backup D --repo R --share-table-files=false",
    "gc --min-age=0s --repo R",
    "gc --repo R",
    "purge --keep=1 --repo R",
    "purge --keep-within=1d --undelete-for=1d --repo R",
    "delete ID --repo R",
    "delete ID --undelete-for=1d --repo R",
    "undelete ID --repo R",
    "hold ID --reason audit --repo R",
    "release ID --repo R",
    "repair --repo R --database D",
    "repair --repo R --from other --drop-damaged --yes",
];

/// Commands that look at one file.
const INSPECTED: [&str; 8] = ["", "manifest", "wal", "sst", "blob", "options", "meta", "current"];

/// One of them.
pub(super) fn any(rng: &mut Rng, site: &Site) -> Line {
    let line = match rng.u8(0..20) {
        0..=2 => inspection(rng, site),
        3..=11 => of(READERS[rng.usize(0..READERS.len())], rng, site),
        _ => of(WRITERS[rng.usize(0..WRITERS.len())], rng, site),
    };
    finished(line, rng)
}

fn finished(mut line: Line, rng: &mut Rng) -> Line {
    match rng.u8(0..8) {
        0..=3 => line.words.push("--json".into()),
        4 => line.words.push("-vv".into()),
        5 => line.words.push("--quiet".into()),
        _ => {}
    }
    line
}

fn inspection(rng: &mut Rng, site: &Site) -> Line {
    let root = [site.repository(), site.database()][rng.usize(0..2)].clone();
    let paths = shot::paths(&root);
    let path = paths
        .get(rng.usize(0..paths.len().max(1)))
        .cloned()
        .unwrap_or(root);
    let kind = INSPECTED[if rng.bool() {
        0
    } else {
        rng.usize(0..INSPECTED.len())
    }];
    let mut words = vec![OsString::from("inspect"), path.into()];
    if !kind.is_empty() {
        words.extend(["--as".into(), kind.into()]);
    }
    Line {
        words,
        may_change: Vec::new(),
        restores_to: Vec::new(),
        links: Vec::new(),
        name: "inspect".to_owned(),
    }
}

fn of(template: &'static str, rng: &mut Rng, site: &Site) -> Line {
    let mut line = Line {
        words: Vec::new(),
        may_change: Vec::new(),
        restores_to: Vec::new(),
        links: Vec::new(),
        name: template.to_owned(),
    };
    let writes = WRITERS.contains(&template);
    for word in template.split(' ') {
        let word: OsString = match word {
            "R" => {
                line.may_change.extend(changing(site, writes));
                // What `open` makes has the tables of the repository.
                if template.starts_with("open") {
                    line.links.push(site.repository());
                }
                site.repository().into()
            }
            "D" => site.database().into(),
            "T" => {
                line.may_change.push(site.target());
                site.target().into()
            }
            "ID" | "ID2" => rng.u32(1..6).to_string().into(),
            "fresh" | "wals" | "other" | "kept" | "opened" | "scratch" => {
                let place = site.room(word);
                line.may_change.push(place.clone());
                if matches!(word, "fresh" | "wals") {
                    line.restores_to.push(place.clone());
                }
                place.into()
            }
            word => word.into(),
        };
        line.words.push(word);
    }
    line
}

/// What a command may change in the repository: pins, and stamps, which are staged; or, if it writes, anything.
fn changing(site: &Site, writes: bool) -> Vec<PathBuf> {
    let repository = site.repository();
    if writes {
        return vec![repository];
    }
    let own = repository.join("stonekeep");
    let in_there = ["pins", "verified", "tmp"].map(|name| own.join(name));
    in_there.into_iter().collect()
}
