//! The header of a segment as text: JSON lines, the last of which has the checksum of those before it.
//!
//! ```text
//! {"stonekeep_wal":1,"stream":"…","first":72,"last":72,"owner":1,"token":"…","previous_crc32c":…,"payload_crc32c":…,"origin":{…}}
//! {"segment":{"ordinal":72,"measured":{"before":{"wall_ms":…,"monotonic_ms":…},"after":{…}},"payload_bytes":…}}
//! {"piece":{"wal":12,"from":0,"to":4096,"records":3,"sequences":{"first":1,"last_lowest":3,"last_highest":3},"crc32c":…}}
//! {"final":{"number":12,"offset":4096}}
//! {"edit":{"end":{"number":5,"offset":1024},"record":"c902…"}}
//! {"break":{"kind":"sequence_gap","place":{"wal":{"number":12,"offset":4096}},"last_sequence":3,"text":"…"}}
//! {"options":{"number":7,"size_bytes":…,"crc32c":…}}
//! {"resume":{"wal":{"number":12,"offset":4096},"recent_bytes":4096,"recent_crc32c":…,"manifest":{"number":5,"offset":1024},…}}
//! {"end":{"lines":8,"crc32c":…}}
//! ```
//!
//! A line `segment` begins each part; the lines up to the next one are of that part. Unknown fields and unknown kinds of lines are
//! ignored: what must not be ignored gets another version.

use serde::{Deserialize, Serialize};
use stonekeep_format::Crc32c;

use super::bare;
use super::header_check;
use super::resume_point::ResumePoint;
use super::segment_header::{
    Break, Edit, Measured, OptionsFile, Origin, Part, Piece, SegmentHeader, WalPosition,
};
use super::segment_name::{Ordinal, Owner, SegmentName};
use super::stream_id::{StreamId, Token};
use crate::repo::checked_lines::{self, CheckedText, line_of};
use crate::{Error, ErrorKind, Result};

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    stonekeep_wal: u32,
    stream: StreamId,
    #[serde(with = "bare")]
    first: Ordinal,
    #[serde(with = "bare")]
    last: Ordinal,
    #[serde(with = "bare")]
    owner: Owner,
    token: Token,
    #[serde(with = "bare")]
    previous_crc32c: Option<Crc32c>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bare")]
    last_crc32c: Option<Crc32c>,
    #[serde(with = "bare")]
    payload_crc32c: Crc32c,
    origin: Origin,
}

#[derive(Deserialize)]
struct Version {
    stonekeep_wal: u32,
}

/// Any other line: one field, or none that is known.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<PartLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    piece: Option<Piece>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#final: Option<WalPosition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit: Option<Edit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#break: Option<Break>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<OptionsFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<ResumePoint>,
}

#[derive(Serialize, Deserialize)]
struct PartLine {
    #[serde(with = "bare")]
    ordinal: Ordinal,
    measured: Measured,
    payload_bytes: u64,
}

/// What a header says of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    /// Checksum of all of it.
    pub(super) crc32c: Crc32c,
    /// How many bytes each part has of it, in their order.
    pub(super) frame_bytes: Vec<u64>,
}

impl Payload {
    /// How long it is.
    pub(super) fn size_bytes(&self) -> u64 {
        self.frame_bytes.iter().copied().fold(0, u64::saturating_add)
    }
}

/// The text of a header that makes sense.
pub(super) fn write(header: &SegmentHeader, payload: &Payload) -> Result<Vec<u8>> {
    let head = Head {
        stonekeep_wal: VERSION,
        stream: header.stream,
        first: header.name.first(),
        last: header.name.last(),
        owner: header.owner,
        token: header.name.token(),
        previous_crc32c: header.previous_crc32c,
        last_crc32c: header.last_crc32c,
        payload_crc32c: payload.crc32c,
        origin: header.origin.clone(),
    };
    let parts = header.parts.iter().zip(&payload.frame_bytes);
    let lines = parts
        .flat_map(|(part, bytes)| lines_of(part, *bytes))
        .chain(header.resume.iter().map(|resume| Line {
            resume: Some(resume.clone()),
            ..Line::default()
        }))
        .map(|line| line_of(&line));
    CheckedText::new(std::iter::once(line_of(&head)).chain(lines)).complete()
}

fn lines_of(part: &Part, payload_bytes: u64) -> Vec<Line> {
    let mut lines = vec![Line {
        segment: Some(PartLine {
            ordinal: part.ordinal,
            measured: part.measured,
            payload_bytes,
        }),
        ..Line::default()
    }];
    lines.extend(part.pieces.iter().map(|piece| Line {
        piece: Some(*piece),
        ..Line::default()
    }));
    lines.extend(part.finals.iter().map(|end| Line {
        r#final: Some(*end),
        ..Line::default()
    }));
    lines.extend(part.edits.iter().map(|edit| Line {
        edit: Some(edit.clone()),
        ..Line::default()
    }));
    lines.extend(part.breaks.iter().map(|broken| Line {
        r#break: Some(broken.clone()),
        ..Line::default()
    }));
    lines.extend(part.options.iter().map(|options| Line {
        options: Some(*options),
        ..Line::default()
    }));
    lines
}

/// The header in a text, and what it says of the payload; `name` is for messages.
pub(super) fn read(name: &str, text: &[u8]) -> Result<(SegmentHeader, Payload)> {
    let mut lines = checked_lines::lines(name, text)?;
    let first = lines
        .next()
        .ok_or_else(|| Error::corrupt(name, "its header is empty"))?;
    let version: Version = checked_lines::parse(name, first)?;
    require_known(name, version.stonekeep_wal)?;
    let head: Head = checked_lines::parse(name, first)?;
    let (mut parts, mut frame_bytes, mut resume) = (Vec::new(), Vec::new(), None);
    for line in lines {
        let mut line: Line = checked_lines::parse(name, line)?;
        resume = line.resume.take().or(resume);
        frame_bytes.extend(line.segment.as_ref().map(|part| part.payload_bytes));
        add(&mut parts, line)
            .ok_or_else(|| Error::corrupt(name, "the lines of its header are not in their order"))?;
    }
    let of_name = SegmentName::new(head.first, head.last, head.token);
    let header = SegmentHeader {
        stream: head.stream,
        name: of_name.ok_or_else(|| Error::corrupt(name, "its header has ordinals that no segment has"))?,
        owner: head.owner,
        previous_crc32c: head.previous_crc32c,
        last_crc32c: head.last_crc32c,
        origin: head.origin,
        parts,
        resume,
    };
    header_check::check(&header).map_err(|reason| Error::corrupt(name, reason))?;
    let payload = Payload {
        crc32c: head.payload_crc32c,
        frame_bytes,
    };
    Ok((header, payload))
}

/// `Unsupported` for any other version.
pub(super) fn require_known(name: &str, version: u32) -> Result<()> {
    if version == VERSION {
        return Ok(());
    }
    let message = format!("{name} has version {version}, which this program does not know");
    Err(Error::new(ErrorKind::Unsupported, message))
}

/// Adds a line to the last part; `None` if there is none yet, or if it has two OPTIONS files.
fn add(parts: &mut Vec<Part>, line: Line) -> Option<()> {
    if let Some(PartLine {
        ordinal, measured, ..
    }) = line.segment
    {
        parts.push(Part {
            ordinal,
            measured,
            pieces: Vec::new(),
            finals: Vec::new(),
            edits: Vec::new(),
            breaks: Vec::new(),
            options: None,
        });
    }
    let part = parts.last_mut()?;
    part.pieces.extend(line.piece);
    part.finals.extend(line.r#final);
    part.edits.extend(line.edit);
    part.breaks.extend(line.r#break);
    match (line.options, part.options) {
        (Some(_), Some(_)) => return None,
        (options, before) => part.options = options.or(before),
    }
    Some(())
}
