//! OPTIONS files: what RocksDB wrote, what it would refuse, and a rewritten wal_dir.

use proptest::prelude::*;

use stonekeep_format::options::{
    OptionsFile, WalRecoveryMode, wal_dirs_by_line, with_wal_dir, with_wal_dir_by_line,
};

/// Written by RocksDB 11.8.1 for three column families, one of them dropped; `manifest/make.c` made the database.
const NEW: &[u8] = include_bytes!("../fixtures/options/11.8.1");
/// Written by RocksDB 7.8.3 likewise.
const OLD: &[u8] = include_bytes!("../fixtures/options/7.8.3");

fn parse(text: &str) -> stonekeep_format::Result<OptionsFile> {
    OptionsFile::parse(text.as_bytes())
}

/// A file that is complete but for what `settings` say about the database.
fn with_settings(settings: &str) -> String {
    format!("[Version]\n  options_file_version=1.1\n[DBOptions]\n{settings}\n[CFOptions \"default\"]\n")
}

#[test]
fn a_file_of_rocksdb_11_8_is_read() {
    let file = OptionsFile::parse(NEW).unwrap();
    assert_eq!(file.rocksdb_version(), Some("11.8.1"));
    assert_eq!(file.options_file_version(), Some("1.1"));
    let families: Vec<&[u8]> = file.column_families().collect();
    assert_eq!(families, [&b"default"[..], b"blobs and more"]);
    assert_eq!(file.db("max_open_files"), Some(&b"-1"[..]));
    assert_eq!(file.cf(b"blobs and more", "min_blob_size"), Some(&b"0"[..]));
    assert_eq!(file.table(b"default", "format_version"), Some(&b"7"[..]));
    assert_eq!(file.cf(b"dropped", "min_blob_size"), None);
    assert_eq!(file.db("min_blob_size"), None);
    assert_eq!(file.wal_dir().unwrap(), b"wal #1: here");
}

#[test]
fn what_matters_to_a_capture_is_found() {
    let capture = OptionsFile::parse(NEW).unwrap().capture_options().unwrap();
    assert_eq!(capture.wal_dir.as_deref(), Some(&b"wal #1: here"[..]));
    assert_eq!(
        capture.recycle_log_file_num, 0,
        "RocksDB turns it off where WALs are archived"
    );
    assert!(capture.archives_wals && capture.allow_2pc && capture.wal_compression && capture.atomic_flush);
    assert!(!capture.manual_wal_flush && !capture.avoid_flush_during_shutdown);
    assert!(capture.blob_direct_write.is_empty());

    let capture = OptionsFile::parse(OLD).unwrap().capture_options().unwrap();
    assert_eq!(capture.wal_dir, None);
    assert!(capture.avoid_flush_during_shutdown && !capture.wal_compression && !capture.archives_wals);
    assert_eq!(capture.wal_recovery_mode, WalRecoveryMode::PointInTimeRecovery);
}

#[test]
fn each_column_family_has_its_own_settings() {
    let text = with_settings(
        "  wal_recovery_mode=kAbsoluteConsistency\n recycle_log_file_num=2\n two_write_queues=true",
    ) + "[CFOptions \"quo\"te \\# \\n\"]\n enable_blob_direct_write=true\n[CFOptions \"c\"]\n";
    let file = parse(&text).unwrap();
    let families: Vec<&[u8]> = file.column_families().collect();
    assert_eq!(families, [&b"default"[..], b"quo\"te # \n", b"c"]);
    let capture = file.capture_options().unwrap();
    assert_eq!(capture.blob_direct_write, [b"quo\"te # \n".to_vec()]);
    assert_eq!(capture.wal_recovery_mode, WalRecoveryMode::AbsoluteConsistency);
    assert_eq!(capture.recycle_log_file_num, 2);
    assert!(capture.two_write_queues);
}

#[test]
fn comments_and_spaces_mean_nothing() {
    let text = with_settings(
        "\t a = b c # and so on\r\n# a=d\n a=e\n hash=x\\#y\n equals=p=q;r={s=t;}\nempty=\x0b\n",
    );
    let file = parse(&text).unwrap();
    assert_eq!(file.db("a"), Some(&b"b c"[..]), "the first one counts");
    assert_eq!(file.db("hash"), Some(&b"x\\#y"[..]));
    assert_eq!(file.db("equals"), Some(&b"p=q;r={s=t;}"[..]));
    assert_eq!(file.db("empty"), Some(&b""[..]));
}

#[test]
fn what_rocksdb_refuses_is_corrupt() {
    let good = with_settings("");
    for (bad, place) in [
        (String::new(), 0),
        ("[DBOptions]\n".into(), 0),
        ("[CFOptions \"default\"]\n".into(), 0),
        (format!("{good}no equals sign\n"), good.len()),
        (format!("{good}  =nameless\n"), good.len() + 2),
        (format!("{good}[DBOptions]\n"), good.len() + 12),
        (format!("{good}[Version]\n"), good.len() + 10),
        (format!("{good}[CFOptions \"default\"]\n"), good.len() + 22),
        (format!("{good}[TableOptions/Plain \"x\"]"), good.len() + 24),
        ("[CFOptions \"x\"]\n".into(), 16),
        (good.replace("1.1", "0.9"), 0),
        (good.replace("1.1", "1."), 33),
        (good.replace("1.1", "1.1.1"), 33),
    ] {
        let error = parse(&bad).unwrap_err();
        assert!(!error.is_unsupported(), "{bad}");
        assert_eq!(error.offset, place as u64, "{bad}: {error}");
    }
}

#[test]
fn an_unknown_section_is_too_new() {
    let error = parse(&(with_settings("") + "[Tomorrow \"x\"]")).unwrap_err();
    assert!(error.is_unsupported());
    assert_eq!(
        error.to_string(),
        "OPTIONS file at byte 73: unknown section \"Tomorrow\""
    );
}

#[test]
fn values_that_rocksdb_cannot_read_are_corrupt() {
    for bad in [
        "allow_2pc=yes",
        "recycle_log_file_num=many",
        "wal_recovery_mode=3",
    ] {
        let file = parse(&with_settings(bad)).unwrap();
        let error = file.capture_options().unwrap_err();
        assert!(error.to_string().contains("cannot be"), "{error}");
    }
}

#[test]
fn only_the_wal_dir_changes() {
    let new = b"/back up/\xff#2";
    let rewritten = with_wal_dir(NEW, new).unwrap();
    let (before, after) = (b"wal \\#1\\: here", b"/back up/\xff\\#2");
    let at = NEW
        .windows(before.len())
        .position(|window| window == before)
        .unwrap();
    let expected = [&NEW[..at], after, &NEW[at + before.len()..]].concat();
    assert_eq!(rewritten, expected);
    assert_eq!(OptionsFile::parse(&rewritten).unwrap().wal_dir().unwrap(), new);
    assert_eq!(
        OptionsFile::parse(&with_wal_dir(NEW, b"").unwrap())
            .unwrap()
            .wal_dir(),
        None
    );
}

#[test]
fn a_wal_dir_is_added_where_there_was_none() {
    let rewritten = with_wal_dir(OLD, b"/wals").unwrap();
    let line = b"  wal_dir=/wals\n";
    let at = rewritten
        .windows(line.len())
        .position(|window| window == line)
        .unwrap();
    assert_eq!([&rewritten[..at], &rewritten[at + line.len()..]].concat(), OLD);
    assert_eq!(
        OptionsFile::parse(&rewritten).unwrap().wal_dir().unwrap(),
        b"/wals"
    );

    let at_the_end = with_wal_dir(b"[CFOptions \"default\"]\n[DBOptions]", b"w").unwrap();
    assert_eq!(at_the_end, b"[CFOptions \"default\"]\n[DBOptions]\n  wal_dir=w\n");
}

#[test]
fn a_file_that_cannot_be_parsed_is_rewritten_line_by_line() {
    let text = b"[DBOptions]\n  wal_dir=/a\\#b # comment\n[Unknown \"x\"]\nno setting\n  wal_dir=\n wal_dir = /c\n  wal_dirs=/d\n";
    assert!(OptionsFile::parse(text).is_err());
    assert_eq!(wal_dirs_by_line(text), [b"/a#b".to_vec(), b"/c".to_vec()]);
    let emptied = with_wal_dir_by_line(text, b"");
    let expected = b"[DBOptions]\n  wal_dir= # comment\n[Unknown \"x\"]\nno setting\n  wal_dir=\n wal_dir = \n  wal_dirs=/d\n";
    assert_eq!(
        emptied.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    assert_eq!(
        wal_dirs_by_line(&with_wal_dir_by_line(text, b"/w:1")),
        [b"/w:1", b"/w:1"]
    );
    assert_eq!(
        with_wal_dir_by_line(NEW, b"/w"),
        with_wal_dir(NEW, b"/w").unwrap()
    );
}

#[test]
fn a_wal_dir_that_cannot_be_escaped_is_refused() {
    assert!(with_wal_dir(NEW, b"/wals ").unwrap_err().is_unsupported());
}

proptest! {
    #[test]
    fn no_input_panics(bytes: Vec<u8>) {
        let _ = OptionsFile::parse(&bytes);
        let _ = with_wal_dir(&bytes, b"x");
    }

    #[test]
    fn no_damage_panics(at in 0..NEW.len(), byte: u8) {
        let mut bytes = NEW.to_vec();
        bytes[at] = byte;
        if let Ok(file) = OptionsFile::parse(&bytes) {
            let _ = file.capture_options();
        }
        let _ = with_wal_dir(&bytes, b"/a#b");
    }

    #[test]
    fn every_wal_dir_parses_to_what_was_written(inner: Vec<u8>) {
        let wal_dir = [b"/", inner.as_slice(), b"/"].concat();
        let rewritten = with_wal_dir(NEW, &wal_dir).unwrap();
        prop_assert_eq!(OptionsFile::parse(&rewritten).unwrap().wal_dir(), Some(wal_dir));
    }
}
