//! Ways to damage a repository.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep_proof::makers::{self, Recipe, Workbench};

use crate::judge::{self, Recorded};
use crate::ours;

/// One way to damage a repository of three backups.
pub(crate) struct Damage {
    pub(crate) name: &'static str,
    pub(crate) inflict: fn(&Repository),
    /// The backups that RocksDB's engine calls corrupt, having read every byte.
    pub(crate) theirs: &'static [u32],
    /// Those that Stonekeep calls corrupt.
    pub(crate) ours: &'static [u32],
    /// Stonekeep knows only when it has read the bytes.
    pub(crate) shows_when_read: bool,
}

const fn both(name: &'static str, inflict: fn(&Repository), corrupt: &'static [u32]) -> Damage {
    Damage {
        name,
        inflict,
        theirs: corrupt,
        ours: corrupt,
        shows_when_read: false,
    }
}

const TIMESTAMP: usize = 0;
const SEQUENCE: usize = 1;
const COUNT: usize = 2;
const FIRST_FILE: usize = 3;

/// Every damage.
pub(crate) const DAMAGES: &[Damage] = &[
    both("no CURRENT", |repo| repo.remove("private/2/CURRENT"), &[2]),
    both("no MANIFEST", |repo| repo.remove(&repo.private("MANIFEST")), &[2]),
    both("no WAL", |repo| repo.remove(&repo.private(".log")), &[2]),
    both(
        "no table of all",
        |repo| repo.remove(&repo.shared(true)),
        &[1, 2, 3],
    ),
    both("no newer table", |repo| repo.remove(&repo.shared(false)), &[2, 3]),
    both(
        "a short table",
        |repo| repo.truncate(&repo.shared(true)),
        &[1, 2, 3],
    ),
    both(
        "a short MANIFEST",
        |repo| repo.truncate(&repo.private("MANIFEST")),
        &[2],
    ),
    both(
        "a bit of a table",
        |repo| repo.flip(&repo.shared(true)),
        &[1, 2, 3],
    ),
    both("a bit of a WAL", |repo| repo.flip(&repo.private(".log")), &[2]),
    both(
        "a bit of OPTIONS",
        |repo| repo.flip(&repo.private("OPTIONS")),
        &[2],
    ),
    both("an empty meta file", |repo| repo.edit(|_| String::new()), &[2]),
    both(
        "no last newline",
        |repo| repo.edit(|text| text.trim_end().to_owned()),
        &[2],
    ),
    both("CRLF", |repo| repo.edit(|text| text.replace('\n', "\r\n")), &[2]),
    both(
        "a line too many",
        |repo| repo.edit(|text| format!("{text}more\n")),
        &[2],
    ),
    both(
        "a large count",
        |repo| repo.edit_line(COUNT, |count| format!("{count}0")),
        &[2],
    ),
    both(
        "a small count",
        |repo| repo.edit_line(COUNT, |_| "2".to_owned()),
        &[2],
    ),
    both(
        "no count",
        |repo| repo.edit_line(COUNT, |_| "many".to_owned()),
        &[2],
    ),
    both(
        "no checksum",
        |repo| repo.edit_line(FIRST_FILE, |line| first_word(line).to_owned()),
        &[2],
    ),
    both(
        "a large checksum",
        |repo| repo.edit_line(FIRST_FILE, |line| format!("{line}0000000")),
        &[2],
    ),
    both(
        "no number",
        |repo| repo.edit_line(FIRST_FILE, |line| format!("{line}x")),
        &[2],
    ),
    both(
        "a file outside",
        |repo| repo.edit_line(FIRST_FILE, |line| format!("../{line}")),
        &[2],
    ),
    both(
        "schema 3",
        |repo| repo.edit(|text| format!("schema_version 3\n{text}")),
        &[2],
    ),
    both("an unknown field", |repo| repo.schema_two("new 1"), &[]),
    both("a field to heed", |repo| repo.schema_two("ni::new 1"), &[2]),
    both(
        "a garbled timestamp",
        |repo| repo.edit_line(TIMESTAMP, |line| format!("{line}x")),
        &[],
    ),
    both(
        "a garbled sequence",
        |repo| repo.edit_line(SEQUENCE, |line| format!("{line}x")),
        &[],
    ),
    Damage {
        theirs: &[],
        ..both(
            "another MANIFEST",
            |repo| repo.replace("private/2/CURRENT", b"MANIFEST-000001\n"),
            &[2],
        )
    },
    Damage {
        theirs: &[],
        ..both("two files of one name", Repository::name_twice, &[2])
    },
    Damage {
        shows_when_read: true,
        ..both("a meta file that lies", Repository::lie, &[2])
    },
];

fn first_word(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

/// A repository to damage.
pub(crate) struct Repository(pub(crate) PathBuf);

impl Repository {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn flip(&self, name: &str) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(self.path(name), bytes).unwrap();
    }

    fn truncate(&self, name: &str) {
        let bytes = fs::read(self.path(name)).unwrap();
        fs::write(self.path(name), &bytes[..bytes.len() - 1]).unwrap();
    }

    /// Changes the meta file of backup 2.
    fn edit(&self, edit: impl Fn(&str) -> String) {
        let text = fs::read_to_string(self.path("meta/2")).unwrap();
        let edited = edit(&text);
        assert_ne!(edited, text);
        fs::write(self.path("meta/2"), edited).unwrap();
    }

    fn edit_lines(&self, edit: impl Fn(usize, &str) -> String) {
        self.edit(|text| {
            let lines = text.lines().enumerate();
            lines.map(|(at, line)| edit(at, line) + "\n").collect()
        });
    }

    fn edit_line(&self, number: usize, edit: impl Fn(&str) -> String) {
        self.edit_lines(|at, line| if at == number { edit(line) } else { line.to_owned() });
    }

    fn schema_two(&self, field: &str) {
        self.edit(|text| {
            format!(
                "schema_version 2\n{}",
                text.replacen(" crc32", &format!(" {field} crc32"), 1)
            )
        });
    }

    /// Other bytes, with the checksum that the meta file has for them.
    fn replace(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        let crc32c = crc32c::crc32c(bytes);
        self.edit_lines(|_, line| {
            if first_word(line) == name {
                format!("{name} crc32 {crc32c}")
            } else {
                line.to_owned()
            }
        });
    }

    /// Two more files, which come back under one name.
    fn name_twice(&self) {
        let crc32c = crc32c::crc32c(b"none");
        let names = ["000900_s00000000000000000000_4.sst", "000900_1_4.sst"];
        let mut lines = String::new();
        for name in names {
            fs::write(self.path("shared_checksum").join(name), "none").unwrap();
            lines += &format!("shared_checksum/{name} crc32 {crc32c}\n");
        }
        self.edit_line(COUNT, |count| {
            (count.parse::<usize>().unwrap() + names.len()).to_string()
        });
        self.edit(|text| format!("{text}{lines}"));
    }

    /// A wrong checksum for a file that older and newer backups know.
    fn lie(&self) {
        let shared = self.shared(true);
        self.edit_lines(|_, line| {
            if first_word(line) == shared {
                format!("{shared} crc32 7")
            } else {
                line.to_owned()
            }
        });
    }

    /// The private file of backup 2 whose name begins or ends so.
    fn private(&self, part: &str) -> String {
        let names = judge::names(&self.path("private/2"));
        let mut names = names.iter();
        let name = names.find(|name| name.starts_with(part) || name.ends_with(part));
        format!("private/2/{}", name.unwrap())
    }

    /// A shared file that all backups have, or only the newer two.
    fn shared(&self, by_all: bool) -> String {
        let [first, second, third] =
            [1, 2, 3].map(|id| fs::read_to_string(self.path(&format!("meta/{id}"))).unwrap());
        let mut names = second.lines().map(first_word);
        let wanted = |name: &&str| {
            name.starts_with("shared") && third.contains(name) && first.contains(name) == by_all
        };
        names.find(wanted).unwrap().to_owned()
    }
}

/// A repository with three backups that share tables.
pub(crate) fn three_backups(root: &Path) -> (PathBuf, Vec<Recorded>) {
    let repository = root.join("repo");
    let engine = ours::engine(&repository);
    let recipe = Recipe {
        options: "disable_auto_compactions=true",
        ..makers::by_name("column families").unwrap()
    };
    let mut closed = Workbench::create(recipe, root).unwrap().close();
    let mut recorded = Vec::new();
    for id in 1..=3 {
        let report = ours::back_up(&engine, &closed);
        recorded.push(Recorded {
            id,
            contents: closed.contents.clone(),
            sequence: report.sequence_number.0,
        });
        let mut bench = Workbench::reopen(closed).unwrap();
        bench.change().unwrap();
        closed = bench.close();
    }
    (repository, recorded)
}
