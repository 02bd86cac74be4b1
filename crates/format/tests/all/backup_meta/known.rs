//! A decoder that knows paths gives what one that knows none gives.

use stonekeep_format::backup_meta::{LineMemory, MetaDecoder, MetaFile, MetaLine, PathTable};
use stonekeep_format::backup_name::RepoPath;

use super::*;

const SHARED: &str = "shared_checksum/000008_sABCDEFGHIJKLMNOPQRST_980.sst crc32 1152751073\n";
const OTHER: &str = "shared_checksum/000009_sABCDEFGHIJKLMNOPQRST_981.sst crc32 2\n";
const SAME_NAME: &str = "shared_checksum/000008_sABCDEFGHIJKLMNOPQRST_999.sst crc32 3\n";
const OLD_NAME: &str = "shared/8.sst crc32 3\n";

fn meta(files: &[&str]) -> Vec<u8> {
    format!("1735689600\n4711\n{}\n{}", files.len(), files.concat()).into_bytes()
}

/// Decodes a text in pieces of a few sizes; how many lines were recognised.
fn decode_known(
    id: BackupId,
    bytes: &[u8],
    paths: &PathTable,
    memory: &mut LineMemory,
    piece: usize,
) -> (stonekeep_format::Result<BackupMeta>, usize) {
    let (mut files, mut recognised) = (Vec::new(), 0);
    let mut decoder = MetaDecoder::with_known(id, paths, memory);
    let mut take = |line| match line {
        MetaLine::File(file) => files.push(file),
        MetaLine::Known(path, crc32c) => {
            recognised += 1;
            files.push(MetaFile::new(paths.repo_path(path).unwrap(), crc32c));
        }
    };
    let mut begin = 0;
    for end in (0..bytes.len()).step_by(piece).skip(1).chain([bytes.len()]) {
        match decoder.push(&bytes[begin..end], &mut take) {
            Ok(taken) => begin += taken,
            Err(error) => return (Err(error), recognised),
        }
    }
    let read = decoder.finish(&bytes[begin..]);
    (read.map(|meta| BackupMeta { files, ..meta }), recognised)
}

/// Decodes a text with every other one of the paths in it known, twice with one memory, and with all of them known.
pub(super) fn check_known_paths(id: BackupId, bytes: &[u8], piece: usize) {
    let plain = BackupMeta::decode(id, bytes);
    let words = bytes.split(|byte| b" \n".contains(byte));
    let words = words.filter_map(|word| RepoPath::parse(std::str::from_utf8(word).ok()?));
    let all: Vec<RepoPath> = words.collect();
    for step in [1, 2] {
        let (mut paths, mut memory) = (PathTable::default(), LineMemory::default());
        for path in all.iter().step_by(step) {
            paths.insert(path);
        }
        for piece in [piece, 1 << 20] {
            let (known, _) = decode_known(id, bytes, &paths, &mut memory, piece);
            assert_eq!(known, plain);
        }
    }
}

/// Every text after every other, with one memory.
#[test]
fn known_paths_change_no_value_and_no_error() {
    let private = |id: u32| format!("private/{id}/CURRENT crc32 993937570\n");
    let (first, second) = (private(1), private(2));
    let texts = [
        meta(&[SHARED, OTHER, &first]),
        meta(&[OTHER, SHARED, &second]),
        meta(&[SHARED, SHARED]),
        meta(&[SHARED, SAME_NAME]),
        meta(&[OLD_NAME, SHARED]),
        meta(&[&first, &first]),
        meta(&["private/1/README crc32 1\n"]),
        meta(&[]),
        // A field that schema 1 does not have.
        meta(&[&SHARED.replace("crc32", "size 980 crc32")]),
        b"1735689600\n4711\n7\n".to_vec(),
        format!("1735689600\n4711\n1\n{SHARED}{OTHER}").into_bytes(),
        format!("schema_version 2.1\n1\n2\n2\n{SHARED}{OTHER}").into_bytes(),
        format!("1\n2\n1\n{}", SHARED.trim_end()).into_bytes(),
        Vec::new(),
    ];
    let mut paths = PathTable::default();
    for line in [SHARED, SAME_NAME, OLD_NAME, &first] {
        paths.insert(&RepoPath::parse(line.split(' ').next().unwrap()).unwrap());
    }
    for earlier in &texts {
        for text in &texts {
            let mut memory = LineMemory::default();
            for id in [1, 2, 1] {
                let id = BackupId::new(id).unwrap();
                decode_known(id, earlier, &paths, &mut memory, 1 << 20).0.ok();
                let (known, _) = decode_known(id, text, &paths, &mut memory, 1 << 20);
                assert_eq!(known, BackupMeta::decode(id, text));
            }
        }
    }
    for (backup, text) in GOLDEN {
        check_known_paths(BackupId::new(backup).unwrap(), text.as_bytes(), 3);
    }
}

#[test]
fn lines_of_known_paths_are_recognised_in_any_order() {
    let mut paths = PathTable::default();
    for line in [SHARED, OTHER] {
        paths.insert(&RepoPath::parse(line.split(' ').next().unwrap()).unwrap());
    }
    let mut memory = LineMemory::default();
    for files in [[SHARED, OTHER], [OTHER, SHARED], [OTHER, SHARED]] {
        let (read, recognised) = decode_known(BackupId::FIRST, &meta(&files), &paths, &mut memory, 40);
        assert_eq!((read.unwrap().files.len(), recognised), (2, 2));
    }
}
