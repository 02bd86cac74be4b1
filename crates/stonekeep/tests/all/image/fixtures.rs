//! Images of databases, and of restored backups, that real RocksDB engines wrote.

use std::fs;
use std::path::Path;

use stonekeep_format::SequenceNumber;
use stonekeep_format::sst::read_properties;
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::image::capture::{bytes, file, image, names};

#[test]
fn every_real_database_is_captured_without_warnings() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let image = image(&fixture.database());
        assert!(image.warnings.is_empty(), "{name}: {:?}", image.warnings);
        assert!(image.surplus.is_empty(), "{name}: {:?}", image.surplus);
        assert!(
            image.rocksdb_version.is_some() && image.database_id.is_some(),
            "{name}"
        );
        let left_out = ["IDENTITY", "LOCK", "LOG"];
        for entry in fs::read_dir(fixture.database()).unwrap() {
            let entry = entry.unwrap().file_name().into_string().unwrap();
            let options = entry.starts_with("OPTIONS");
            assert!(
                names(&image).contains(&entry) || left_out.contains(&entry.as_str()) || options,
                "{name}: {entry}"
            );
        }
        for part in &image.files {
            let on_disk = fs::read(fixture.database().join(part.name.to_string())).unwrap();
            assert_eq!(bytes(part), on_disk, "{name}: {}", part.name);
        }
    }
}

#[test]
fn unique_ids_in_images_are_those_of_the_tables() {
    let mut proven = 0;
    for name in [
        fixtures::ROCKSDB_11_8,
        fixtures::ROCKSDB_7_8,
        fixtures::ROCKSDB_5_18,
    ] {
        let fixture = Fixture::unpack(name).unwrap();
        for part in image(&fixture.database()).files {
            let (Some(table), Some(path)) = (&part.table, part.path()) else {
                continue;
            };
            let content = fs::read(path).unwrap();
            let properties = read_properties(part.size_bytes, &mut |offset, length| {
                Ok(content[offset as usize..offset as usize + length].to_vec())
            });
            let expected = properties.unwrap().unique_id();
            assert_eq!(table.unique_id, expected, "{name}: {}", part.name);
            proven += usize::from(expected.is_some());
        }
    }
    assert!(proven > 5, "{proven}");
}

/// What RocksDB's restore makes of a backup in schema 1: every file under the name that it had.
fn restore(repository: &Path, meta: &str, to: &Path) {
    fs::create_dir(to).unwrap();
    let paths = meta
        .lines()
        .filter_map(|line| line.split_once(" crc32 "))
        .map(|(path, _)| path);
    for path in paths {
        let name = path.rsplit_once('/').unwrap().1;
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let restored = match stem.split_once('_') {
            Some((number, _)) => format!("{number}.{extension}"),
            None => name.to_owned(),
        };
        fs::copy(repository.join(path), to.join(restored)).unwrap();
    }
}

#[test]
fn sequence_numbers_are_those_that_the_engines_wrote_into_their_backups() {
    let mut restored = 0;
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        for backup in fixture.backups().unwrap() {
            let id = backup.id;
            let meta = fs::read(fixture.repository().join(format!("meta/{id}"))).unwrap();
            let meta = String::from_utf8(meta).unwrap();
            let sequence = meta.lines().nth(1).unwrap().parse().unwrap_or(0);
            if meta.starts_with("schema_version") {
                continue;
            }
            let to = fixture.root().join(format!("restored-{id}"));
            restore(&fixture.repository(), &meta, &to);
            let image = image(&to);
            assert_eq!(
                image.sequence_number,
                SequenceNumber(sequence),
                "{name}, backup {id}"
            );
            assert_eq!(
                image.files.len() as u32,
                backup.number_files,
                "{name}, backup {id}"
            );
            assert!(
                image.surplus.is_empty(),
                "{name}, backup {id}: {:?}",
                image.surplus
            );
            assert_eq!(file(&image, "CURRENT").size_bytes, 16);
            restored += 1;
        }
    }
    assert_eq!(restored, 24);
}
