//! Names in a database directory.

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::{DbFileName, TableExtension};

use DbFileName::*;

/// The cases of RocksDB's `db/filename_test.cc`, and more.
#[test]
fn names_that_rocksdb_recognises() {
    let ldb = Table {
        number: FileNumber(12),
        extension: TableExtension::Ldb,
    };
    for (name, file) in [
        ("100.log", Wal(FileNumber(100))),
        ("0.log", Wal(FileNumber(0))),
        ("18446744073709551615.log", Wal(FileNumber(u64::MAX))),
        ("0.sst", DbFileName::table(FileNumber(0))),
        ("000012.ldb", ldb),
        ("000012.blob", Blob(FileNumber(12))),
        ("000000.dbtmp", Temp(FileNumber(0))),
        ("CURRENT", Current),
        ("IDENTITY", Identity),
        ("LOCK", Lock),
        ("MANIFEST-2", Manifest(FileNumber(2))),
        ("MANIFEST-000007", Manifest(FileNumber(7))),
        ("METADB-2", MetaDb(FileNumber(2))),
        ("OPTIONS-000005", Options(FileNumber(5))),
        ("OPTIONS-000005.dbtmp", OptionsTemp(FileNumber(5))),
        ("COMPACTION_PROGRESS-17", CompactionProgress(17)),
        ("COMPACTION_PROGRESS-17.dbtmp", CompactionProgressTemp(17)),
        ("LOG", InfoLog("LOG".into())),
        ("LOG.old", InfoLog("LOG.old".into())),
        ("LOG.old.6688", InfoLog("LOG.old.6688".into())),
        ("LOG.old.6688.gz", InfoLog("LOG.old.6688.gz".into())),
        ("000012.sst.trash", Trash("000012.sst.trash".into())),
        ("MANIFEST-000005.trash", Trash("MANIFEST-000005.trash".into())),
        ("OPTIONS-000005.bak", Lookalike("OPTIONS-000005.bak".into())),
        ("archive-000012.log", Lookalike("archive-000012.log".into())),
    ] {
        assert_eq!(DbFileName::parse(name), Some(file), "{name}");
    }
}

#[test]
fn names_that_rocksdb_does_not_recognise() {
    for name in [
        "",
        "foo",
        "foo-dx-100.log",
        ".log",
        "manifest",
        "CURREN",
        "CURRENTX",
        "MANIFES",
        "MANIFEST",
        "MANIFEST-",
        "XMANIFEST-3",
        "MANIFEST-3x",
        "META",
        "METADB",
        "METADB-",
        "XMETADB-3",
        "METADB-3x",
        "LOC",
        "LOCKx",
        "LO",
        "LOGx",
        "LOG.older",
        "LOG.old.",
        "LOG.old.x",
        "18446744073709551616.log",
        "184467440737095516150.log",
        "100",
        "100.",
        "100.lop",
        "100.SST",
        "+100.sst",
        "-100.sst",
        " 100.sst",
        "1e2.sst",
        "OPTIONS-",
        "OPTIONS-.dbtmp",
        "OPTIONS-x",
        "COMPACTION_PROGRESS-",
        "COMPACTION_PROGRESS-1x",
        "archive",
        "archive/",
        "archive/000012.log",
        "archive000012",
        "archive-000012.sst",
        ".",
        "..",
        "/CURRENT",
        "../000012.sst",
        "a/b.trash",
        "000012.sst\0",
    ] {
        assert_eq!(DbFileName::parse(name), None, "{name}");
    }
}
