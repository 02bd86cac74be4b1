//! The log framing: whole and in pieces, with and without right checksums.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::FileNumber;
use stonekeep_format::log::{LogEnd, LogScanner, RecordKind};
use stonekeep_format_testkit::log::{LogBuilder, OwnedRecord, repair_checksums, scan};

fn scan_in_pieces(mut scanner: LogScanner, bytes: &[u8], piece: usize) -> Option<(Vec<OwnedRecord>, LogEnd)> {
    let mut records = Vec::new();
    for chunk in bytes.chunks(piece) {
        let sink = &mut |record: stonekeep_format::log::LogRecord<'_>| {
            records.push(OwnedRecord::from(record));
            Ok(())
        };
        scanner.push(chunk, sink).ok()?;
    }
    Some((records, scanner.finish()))
}

fuzz_target!(|input: &[u8]| {
    let [options, piece, rest @ ..] = input else {
        return;
    };
    let mut bytes = rest.to_vec();
    if options & 1 == 1 {
        repair_checksums(&mut bytes);
    }
    let scanner = || match options & 2 {
        0 => LogScanner::wal(FileNumber(u64::from(*piece))),
        _ => LogScanner::manifest(),
    };
    let whole = scan(scanner(), &bytes).ok();
    assert_eq!(scan_in_pieces(scanner(), &bytes, usize::from(*piece) + 1), whole);
    let Some((records, end)) = whole else { return };
    assert!(end.valid_bytes <= end.scanned_bytes && end.scanned_bytes == bytes.len() as u64);

    let data = records.iter().filter(|record| record.kind == RecordKind::Data);
    let payloads: Vec<&Vec<u8>> = data.map(|record| &record.payload).collect();
    let mut writer = LogBuilder::new();
    payloads.iter().for_each(|payload| writer.write(payload));
    let (again, end) = scan(LogScanner::manifest(), &writer.take_bytes()).unwrap();
    assert!(end.is_clean() && again.iter().map(|record| &record.payload).eq(payloads));
});
