//! Runs the `ldb` of an installed RocksDB, which is another version than the linked one.

use std::path::Path;
use std::process::Command;

use crate::contents::unhex;
use crate::{DatabaseContents, ProofError, Result};

/// The installed `ldb`.
#[derive(Clone, Debug)]
pub struct Ldb {
    version: String,
}

impl Ldb {
    /// The `ldb` in the path, if there is one.
    pub fn find() -> Option<Self> {
        let output = Command::new("ldb").arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // For example "ldb from RocksDB 7.8.3".
        text.split_whitespace().last().map(|version| Self {
            version: version.to_owned(),
        })
    }

    /// RocksDB's version that it belongs to.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sets keys in one batch, making database or column family if needed.
    ///
    /// # Errors
    /// What `ldb` printed, here and in the methods below.
    pub fn batchput(
        &self,
        db: &Path,
        family: &str,
        entries: &[(&[u8], &[u8])],
        options: &[&str],
    ) -> Result<()> {
        if family != "default" && !self.column_families(db)?.iter().any(|name| name == family) {
            self.run(db, &["create_column_family", family])?;
        }
        let mut arguments = vec![
            "batchput".to_owned(),
            "--hex".to_owned(),
            "--create_if_missing".to_owned(),
        ];
        arguments.push(format!("--column_family={family}"));
        arguments.extend(options.iter().map(|&option| option.to_owned()));
        for (key, value) in entries {
            arguments.push(format!("0x{}", crate::contents::hex(key)));
            arguments.push(format!("0x{}", crate::contents::hex(value)));
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.run(db, &arguments).map(drop)
    }

    /// Adds a backup of the database to the repository.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn backup(&self, db: &Path, repository: &Path) -> Result<()> {
        self.run(db, &["backup", &format!("--backup_dir={}", repository.display())])
            .map(drop)
    }

    /// Restores the latest backup of the repository.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn restore(&self, repository: &Path, db: &Path) -> Result<()> {
        self.run(
            db,
            &["restore", &format!("--backup_dir={}", repository.display())],
        )
        .map(drop)
    }

    /// The names of the column families.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn column_families(&self, db: &Path) -> Result<Vec<String>> {
        let output = self.run(db, &["list_column_families"])?;
        // For example "Column families in /tmp/db:" and, on the next line, "{default, second}".
        let names = output
            .lines()
            .filter_map(|line| line.trim().strip_prefix('{')?.strip_suffix('}'));
        Ok(names
            .flat_map(|list| list.split(", "))
            .map(str::to_owned)
            .collect())
    }

    /// Every key of every column family.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn contents(&self, db: &Path) -> Result<DatabaseContents> {
        let mut contents = DatabaseContents::default();
        for family in self.column_families(db)? {
            contents.add_family(&family);
            let output = self.run(db, &["scan", "--hex", &format!("--column_family={family}")])?;
            for (key, value) in output.lines().filter_map(scanned) {
                contents.put(&family, &key, &value);
            }
        }
        Ok(contents)
    }

    fn run(&self, db: &Path, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("ldb");
        command.arg(format!("--db={}", db.display())).args(arguments);
        let output = command.output().map_err(ProofError::io(Path::new("ldb")))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        // ldb ends with success after some failures, and only says so (tools/ldb_cmd.cc, ListColumnFamiliesCommand).
        let failed = ["Failed", "Error"]
            .iter()
            .any(|word| text.starts_with(word) || errors.starts_with(word));
        if output.status.success() && !failed {
            return Ok(text);
        }
        Err(ProofError::Command {
            command: format!("{command:?}"),
            output: text + &errors,
        })
    }
}

/// A line of `ldb scan --hex`: `0x6B : 0x76`.
fn scanned(line: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (key, value) = line.split_once(" : ").or_else(|| line.split_once(" ==> "))?;
    unhex(key.strip_prefix("0x")?).zip(unhex(value.strip_prefix("0x")?))
}
