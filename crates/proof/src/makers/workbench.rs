//! An open database and the model of its contents.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rocksdb::{ColumnFamilyDescriptor, DB};

use crate::oracle::{self, OpenOptions};
use crate::{DatabaseContents, ProofError, Result};

/// How a database is made.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// In a test's words.
    pub name: &'static str,
    /// RocksDB's options for the database and each column family: `name=value;name=value`.
    pub options: &'static str,
    /// The column families that it begins with.
    pub families: &'static [&'static str],
    /// Its WALs stand in a directory of their own.
    pub wal_elsewhere: bool,
    /// Its tables stand in two directories (`db_paths`), which RocksDB's own engine does not back up.
    pub two_paths: bool,
    /// Brings it into its first state.
    pub fill: fn(&mut Workbench) -> Result<()>,
    /// Brings it into another state.
    pub change: fn(&mut Workbench) -> Result<()>,
}

/// A database at work: each change goes to RocksDB as well as to the model.
pub struct Workbench {
    recipe: Recipe,
    db: DB,
    path: PathBuf,
    options: OpenOptions,
    model: DatabaseContents,
}

/// A database that no process has open.
#[derive(Clone, Debug)]
pub struct ClosedDatabase {
    /// How it was made.
    pub recipe: Recipe,
    /// The database directory.
    pub path: PathBuf,
    /// What RocksDB needs to open it.
    pub options: OpenOptions,
    /// What it must hold.
    pub contents: DatabaseContents,
}

impl Workbench {
    /// Makes a database below `root` (`root/db`, where the recipe says so `root/wal` or `root/path2` too) in its first state.
    ///
    /// # Errors
    /// RocksDB's or the file system's.
    pub fn create(recipe: Recipe, root: &Path) -> Result<Self> {
        let path = root.join("db");
        fs::create_dir_all(&path).map_err(ProofError::io(&path))?;
        let options = OpenOptions {
            wal_dir: recipe.wal_elsewhere.then(|| root.join("wal")),
            db_paths: if recipe.two_paths {
                vec![path.clone(), root.join("path2")]
            } else {
                Vec::new()
            },
            more: recipe.options.to_owned(),
        };
        let mut model = DatabaseContents::default();
        recipe.families.iter().for_each(|name| model.add_family(name));
        let db = open(&path, &options, &model)?;
        let mut bench = Self {
            recipe,
            db,
            path,
            options,
            model,
        };
        (recipe.fill)(&mut bench)?;
        Ok(bench)
    }

    /// Opens a database again; RocksDB moves what its WALs hold into tables, unless the recipe avoids it.
    ///
    /// # Errors
    /// RocksDB's.
    pub fn reopen(closed: ClosedDatabase) -> Result<Self> {
        let ClosedDatabase {
            recipe,
            path,
            options,
            contents: model,
        } = closed;
        let db = open(&path, &options, &model)?;
        Ok(Self {
            recipe,
            db,
            path,
            options,
            model,
        })
    }

    /// Brings the database into another state, with most tables unchanged; each call gives a new one.
    ///
    /// # Errors
    /// RocksDB's.
    pub fn change(&mut self) -> Result<()> {
        (self.recipe.change)(self)
    }

    /// The open database.
    pub fn db(&self) -> &DB {
        &self.db
    }

    /// The database directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the database must hold now.
    pub fn contents(&self) -> &DatabaseContents {
        &self.model
    }

    /// Closes the database; what is only in its WALs stays there.
    pub fn close(self) -> ClosedDatabase {
        let Self {
            recipe,
            db,
            path,
            options,
            model,
        } = self;
        drop(db);
        ClosedDatabase {
            recipe,
            path,
            options,
            contents: model,
        }
    }

    /// Sets a key.
    ///
    /// # Errors
    /// RocksDB's, here and in the methods below.
    pub fn put(&mut self, family: &str, key: &[u8], value: &[u8]) -> Result<()> {
        self.model.put(family, key, value);
        self.db
            .put_cf(oracle::family(&self.db, family)?, key, value)
            .map_err(ProofError::database("put"))
    }

    /// Removes a key.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn delete(&mut self, family: &str, key: &[u8]) -> Result<()> {
        self.model.delete(family, key);
        self.db
            .delete_cf(oracle::family(&self.db, family)?, key)
            .map_err(ProofError::database("delete"))
    }

    /// Removes a range of keys with one tombstone.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn delete_range(&mut self, family: &str, keys: Range<&[u8]>) -> Result<()> {
        self.model.delete_range(family, keys.clone());
        let handle = oracle::family(&self.db, family)?;
        self.db
            .delete_range_cf(handle, keys.start, keys.end)
            .map_err(ProofError::database("delete a range"))
    }

    /// Adds a merge operand.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn merge(&mut self, family: &str, key: &[u8], operand: &[u8]) -> Result<()> {
        self.model.merge(family, key, operand);
        self.db
            .merge_cf(oracle::family(&self.db, family)?, key, operand)
            .map_err(ProofError::database("merge"))
    }

    /// Moves the memtable of one column family into a table.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn flush(&self, family: &str) -> Result<()> {
        self.db
            .flush_cf(oracle::family(&self.db, family)?)
            .map_err(ProofError::database("flush"))
    }

    /// Moves all memtables into tables.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn flush_all(&self) -> Result<()> {
        self.model
            .family_names()
            .try_for_each(|family| self.flush(family))
    }

    /// Compacts one column family whole.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn compact(&self, family: &str) -> Result<()> {
        self.db
            .compact_range_cf(oracle::family(&self.db, family)?, None::<&[u8]>, None::<&[u8]>);
        Ok(())
    }

    /// Waits until no compaction is due, then allows no more, so that tables stay where they are.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn settle(&self, family: &str) -> Result<()> {
        self.db
            .wait_for_compact(&rocksdb::WaitForCompactOptions::default())
            .map_err(ProofError::database("wait for its compactions"))?;
        self.db
            .set_options_cf(
                oracle::family(&self.db, family)?,
                &[("disable_auto_compactions", "true")],
            )
            .map_err(ProofError::database("stop compactions"))
    }

    /// Adds a column family.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn create_family(&mut self, family: &str) -> Result<()> {
        self.model.add_family(family);
        self.db
            .create_cf(family, &self.options.to_rocksdb()?)
            .map_err(ProofError::database("create a column family"))
    }

    /// Drops a column family.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn drop_family(&mut self, family: &str) -> Result<()> {
        self.model.drop_family(family);
        self.db
            .drop_cf(family)
            .map_err(ProofError::database("drop a column family"))
    }

    /// Takes in a table that was written beside the database, with these keys in byte order.
    #[expect(clippy::missing_errors_doc, reason = "said above")]
    pub fn ingest(&mut self, family: &str, entries: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
        let file = self.path.with_extension("sst");
        let options = self.options.to_rocksdb()?;
        let mut writer = rocksdb::SstFileWriter::create(&options);
        writer
            .open(&file)
            .map_err(ProofError::database("open a table to write"))?;
        for (key, value) in entries {
            writer
                .put(key, value)
                .map_err(ProofError::database("write a table"))?;
            self.model.put(family, key, value);
        }
        writer.finish().map_err(ProofError::database("finish a table"))?;
        let handle = oracle::family(&self.db, family)?;
        self.db
            .ingest_external_file_cf(handle, vec![&file])
            .map_err(ProofError::database("ingest a table"))?;
        fs::remove_file(&file).map_err(ProofError::io(&file))
    }
}

impl ClosedDatabase {
    /// Every file system path that belongs to it: the database directory first.
    pub fn directories(&self) -> Vec<PathBuf> {
        let mut all = vec![self.path.clone()];
        all.extend(self.options.wal_dir.clone());
        all.extend(
            self.options
                .db_paths
                .iter()
                .filter(|path| **path != self.path)
                .cloned(),
        );
        all
    }
}

fn open(path: &Path, options: &OpenOptions, model: &DatabaseContents) -> Result<DB> {
    let mut rocksdb_options = options.to_rocksdb()?;
    rocksdb_options.create_if_missing(true);
    rocksdb_options.create_missing_column_families(true);
    let families = model
        .family_names()
        .map(|name| Ok(ColumnFamilyDescriptor::new(name, options.to_rocksdb()?)))
        .collect::<Result<Vec<_>>>()?;
    DB::open_cf_descriptors(&rocksdb_options, path, families)
        .map_err(ProofError::database(format!("open {}", path.display())))
}
