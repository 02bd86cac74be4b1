//! Names in a backup directory.

use stonekeep_format::backup_name::{NameSuffix, RepoPath, SharedKind, SharedName};
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{BackupId, Crc32c, FileNumber};

fn session_id() -> SessionId {
    SessionId::parse("PE4V4ZCS2XWGKVUCH0GJ").unwrap()
}

#[test]
fn every_legal_name_comes_back_as_it_was() {
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
fn names_tell_what_they_tell() {
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
    assert_eq!(
        (interim.crc32c(), interim.session_id()),
        (Some(Crc32c(15)), Some(session_id()))
    );
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
fn everything_else_is_no_name() {
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
