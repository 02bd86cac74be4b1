//! Names in a backup directory.

use proptest::prelude::*;
use stonekeep_format::backup_name::{
    NameSuffix, NamingScheme, PrivateName, RepoPath, ShareFilesNaming, SharedKind, SharedName,
};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{BackupId, Crc32c, FileNumber};

fn session_id() -> SessionId {
    SessionId::parse("PE4V4ZCS2XWGKVUCH0GJ").unwrap()
}

#[test]
fn every_legal_name_parses_to_what_was_written() {
    for text in [
        "shared/000012.sst",
        "shared/12.blob",
        "shared_checksum/000012_sPE4V4ZCS2XWGKVUCH0GJ_980.sst",
        "shared_checksum/000012_sPE4V4ZCS2XWGKVUCH0GJ.sst",
        "shared_checksum/000012_4294967295_18446744073709551615.blob",
        "shared_checksum/000012_PE4V4ZCS2XWGKVUCH0GJ.sst",
        "shared_checksum/000012_0A0B0C0D_PE4V4ZCS2XWGKVUCH0GJ.sst",
        "shared_checksum/000012_4294967296_1.sst",
        "shared_checksum/000012_01_1.sst",
        "shared_checksum/000012_sPE4V4ZCS2XWGKVUCH0GJ_0980.sst",
        "shared_checksum/000012_x.sst",
        "shared_checksum/000012__.sst",
        "shared_checksum/12345678.blob",
        "private/1/CURRENT",
        "private/4294967293/MANIFEST-000005",
        "private/1/MANIFEST-01",
        "private/1/OPTIONS-000007",
        "private/1/00011.log",
        "private/1/1.sst",
        "private/1/000008.blob",
    ] {
        let path = RepoPath::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(path.to_string(), text);
    }
}

#[test]
fn each_kind_of_name_parses_to_its_parts() {
    let name = |suffix: &str| SharedName::parse(&format!("000012{suffix}.sst")).unwrap();
    let session = name("_sPE4V4ZCS2XWGKVUCH0GJ_980");
    assert_eq!(
        (session.session_id(), session.size_bytes()),
        (Some(session_id()), Some(980))
    );
    assert_eq!(
        session,
        SharedName::with_session(FileNumber(12), session_id(), Some(980))
    );
    let legacy = name("_7_980");
    assert_eq!(
        (legacy.crc32c(), legacy.size_bytes()),
        (Some(Crc32c(7)), Some(980))
    );
    assert_eq!(
        legacy,
        SharedName::legacy(FileNumber(12), SharedKind::Table, Crc32c(7), 980)
    );
    let interim = name("_0000000F_PE4V4ZCS2XWGKVUCH0GJ");
    let checksum_hex = Some("0000000F".into());
    let session = session_id();
    assert_eq!(
        *interim.suffix(),
        NameSuffix::Interim612 {
            checksum_hex,
            session
        }
    );
    assert_eq!((interim.crc32c(), interim.session_id()), (None, Some(session)));
    assert_eq!(
        *name("_4294967296_1").suffix(),
        NameSuffix::Other("4294967296_1".into())
    );
    let path = RepoPath::SharedChecksum(name("_x"));
    assert_eq!(path.restored_name().to_string(), "000012.sst");
    assert_eq!((path.size_bytes(), path.crc32c()), (None, None));
    let odd = RepoPath::parse("private/7/MANIFEST-01").unwrap();
    assert_eq!(odd.restored_name().to_string(), "MANIFEST-000001");
    let RepoPath::Private(odd) = odd else {
        panic!("{odd}")
    };
    assert_eq!(odd.backup(), BackupId::new(7).unwrap());
}

#[test]
fn other_texts_are_no_backup_file_names() {
    for text in [
        "",
        "shared",
        "shared/",
        "/shared/000012.sst",
        "shared//000012.sst",
        "shared/../shared/000012.sst",
        "shared/000012_x.sst",
        "shared/000012.ldb",
        "shared/000012",
        "shared/.sst",
        "shared/+1.sst",
        "shared/18446744073709551616.sst",
        "shared/.000012.sst.tmp",
        "shared/000012.sst.tmp",
        "Shared/000012.sst",
        "shared_checksum/000012_.sst",
        "shared_checksum/000012_a-b.sst",
        "shared_checksum/000012_a.b.sst",
        "shared_checksum/000012x.sst",
        "shared_checksum/000012_é.sst",
        "shared_checksum/x/000012_x.sst",
        "private/1",
        "private/1/",
        "private/0/CURRENT",
        "private/01/CURRENT",
        "private/1.tmp/CURRENT",
        "private/4294967294/CURRENT",
        "private/1/..",
        "private/1/../2/CURRENT",
        "private/1/IDENTITY",
        "private/1/LOCK",
        "private/1/LOG",
        "private/1/000012.ldb",
        "private/1/000012.dbtmp",
        "private/1/OPTIONS-000005.bak",
        "private/1/OPTIONS-000005.dbtmp",
        "private/1/x.trash",
        "private/1/archive/000012.log",
        "meta/1",
        "CURRENT",
    ] {
        assert_eq!(RepoPath::parse(text), None, "{text}");
    }
    let endless = format!("shared/{}1.sst", "0".repeat(251));
    assert_eq!(RepoPath::parse(&endless), None);
    let longest = format!("shared/{}1.sst", "0".repeat(250));
    assert_eq!(RepoPath::parse(&longest).unwrap().to_string(), longest);
}

#[test]
fn new_shared_files_are_named_as_rocksdb_names_them() {
    let (number, size) = (FileNumber(12), 980);
    let name = |scheme, include_file_size, kind, session| {
        ShareFilesNaming {
            scheme,
            include_file_size,
        }
        .name_without_checksum(number, kind, session, size)
        .unwrap_or_else(|| SharedName::legacy(number, kind, Crc32c(7), size))
        .to_string()
    };
    use NamingScheme::*;
    use SharedKind::*;
    let session = Some(session_id());
    for (scheme, size_too, kind, session, expected) in [
        (
            UseDbSessionId,
            true,
            Table,
            session,
            "000012_sPE4V4ZCS2XWGKVUCH0GJ_980.sst",
        ),
        (
            UseDbSessionId,
            false,
            Table,
            session,
            "000012_sPE4V4ZCS2XWGKVUCH0GJ.sst",
        ),
        (UseDbSessionId, true, Table, None, "000012_7_980.sst"),
        (UseDbSessionId, true, Blob, session, "000012_7_980.blob"),
        (LegacyCrc32cAndFileSize, true, Table, session, "000012_7_980.sst"),
        (LegacyCrc32cAndFileSize, false, Table, session, "000012_7_980.sst"),
        (LegacyCrc32cAndFileSize, false, Blob, None, "000012_7_980.blob"),
    ] {
        assert_eq!(name(scheme, size_too, kind, session), expected);
    }
    let default = ShareFilesNaming::default();
    assert_eq!(
        (default.scheme, default.include_file_size),
        (UseDbSessionId, true)
    );
    assert_eq!(
        SharedName::unchecked(FileNumber(1234567), Table).to_string(),
        "1234567.sst"
    );
}

#[test]
fn files_that_are_no_part_of_a_backup_have_no_private_name() {
    let name = |file| PrivateName::new(BackupId::FIRST, file).map(|name| RepoPath::Private(name).to_string());
    let number = FileNumber(5);
    assert_eq!(name(DbFileName::Current).unwrap(), "private/1/CURRENT");
    assert_eq!(
        name(DbFileName::Manifest(number)).unwrap(),
        "private/1/MANIFEST-000005"
    );
    assert_eq!(
        name(DbFileName::Options(number)).unwrap(),
        "private/1/OPTIONS-000005"
    );
    assert_eq!(name(DbFileName::Wal(number)).unwrap(), "private/1/000005.log");
    assert_eq!(name(DbFileName::table(number)).unwrap(), "private/1/000005.sst");
    assert_eq!(name(DbFileName::Identity), None);
    assert_eq!(name(DbFileName::Lock), None);
    assert_eq!(name(DbFileName::OptionsTemp(number)), None);
}

proptest! {
    #[test]
    fn any_text_is_rejected_or_parses_to_itself(text in "(shared|shared_checksum|private/[0-9]{1,2}|.{0,5})/.{0,12}") {
        if let Some(path) = RepoPath::parse(&text) {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn every_name_of_the_read_grammar_is_read(text in "[0-9]{1,19}(_[0-9A-Za-z_]{1,60})?\\.(sst|blob)") {
        let path = format!("shared_checksum/{text}");
        prop_assert_eq!(RepoPath::parse(&path).unwrap().to_string(), path);
    }
}

#[test]
fn a_private_name_that_was_made_is_the_one_that_is_read() {
    let backup = BackupId::FIRST;
    for name in [
        "CURRENT",
        "MANIFEST-000005",
        "OPTIONS-000007",
        "000018.log",
        "000021.sst",
    ] {
        let file = DbFileName::parse(name).unwrap();
        let made = RepoPath::Private(PrivateName::new(backup, file).unwrap());
        assert_eq!(
            RepoPath::parse(&format!("private/1/{name}")),
            Some(made),
            "{name}"
        );
    }
}
