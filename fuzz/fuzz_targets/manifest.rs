//! MANIFESTs: single edits, whole files cut and flattened, CURRENT.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::log::{LogScanner, LogWriter};
use stonekeep_format::manifest::{ManifestReader, VersionEdit, encode_current, parse_current, write_flat};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::log::repair_checksums;

fn one_edit(payload: &[u8]) {
    let Ok(edit) = VersionEdit::decode(payload, 0) else {
        return;
    };
    let encoded = edit.encode();
    assert_eq!(VersionEdit::decode(&encoded, 0).as_ref(), Ok(&edit));
    let _ = edit.to_string();
}

fn whole_file(bytes: &[u8], piece: usize) {
    let mut reader = ManifestReader::new();
    let pushed = bytes.chunks(piece).try_for_each(|chunk| reader.push(chunk));
    let (state, applied) = (reader.state().clone(), reader.applied_bytes());
    let Ok((whole, end)) = ManifestReader::read(bytes) else {
        return;
    };
    assert_eq!((pushed, &state, applied), (Ok(()), &whole, end.applied_bytes));

    let _ = state.live_blobs().count() + state.live_tables().count();
    let _ = state.min_wal_to_keep().max(state.max_log_number());
    let cut = &bytes[..applied as usize];
    assert_eq!(ManifestReader::read(cut).unwrap().0, whole);
    let flat = ManifestReader::read(&flat(cut)).unwrap().0;
    assert!(flat.live_tables().all(|live| live.file.path_id == 0));
    assert_eq!(flat.live_tables().count(), whole.live_tables().count());
}

fn flat(bytes: &[u8]) -> Vec<u8> {
    let mut writer = LogWriter::new();
    let mut scanner = LogScanner::manifest();
    scanner
        .push(bytes, &mut |record| write_flat(&record, &mut writer))
        .unwrap();
    writer.take_bytes()
}

fuzz_target!(|input: &[u8]| {
    let [what, piece, rest @ ..] = input else { return };
    match what % 3 {
        0 => one_edit(rest),
        1 => {
            let mut bytes = rest.to_vec();
            repair_checksums(&mut bytes);
            whole_file(&bytes, usize::from(*piece) + 1);
        }
        _ => {
            if let Ok(number) = parse_current(rest) {
                assert_eq!(parse_current(&encode_current(number)), Ok(number));
            }
        }
    }
});
