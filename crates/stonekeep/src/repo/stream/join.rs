//! The header of a segment that stands for several.

use super::segment_header::SegmentHeader;
use super::segment_name::SegmentName;
use super::stored_segment::StoredSegment;
use super::stream_id::Token;
use crate::{Error, Result};

/// Joins segments that follow each other. The payload of the joined one is theirs, one after the other. Its owner is that of the last one: whoever joins does not continue the stream. `token` is of whoever joins.
///
/// # Errors
/// `InvalidArgument` if there are not two, or they do not follow each other.
pub fn joined(segments: &[StoredSegment], token: Token) -> Result<SegmentHeader> {
    let ([first, .., last], Some(name)) = (segments, name_of(segments, token)) else {
        return Err(Error::invalid("only two segments or more can be joined"));
    };
    for pair in segments.windows(2) {
        let [one, next] = pair else { continue };
        let follows = one.name().last().next() == Some(next.name().first())
            && next.header.previous_crc32c == Some(one.end_crc32c())
            && one.header.stream == next.header.stream;
        if !follows {
            let (one, next) = (one.header.describe(), next.header.describe());
            return Err(Error::invalid(format!(
                "{next} does not follow {one}, so that they cannot be joined"
            )));
        }
    }
    Ok(SegmentHeader {
        stream: first.header.stream,
        name,
        owner: last.header.owner,
        previous_crc32c: first.header.previous_crc32c,
        last_crc32c: Some(last.end_crc32c()),
        origin: last.header.origin.clone(),
        parts: segments
            .iter()
            .flat_map(|segment| segment.header.parts.iter().cloned())
            .collect(),
        resume: last.header.resume.clone(),
    })
}

fn name_of(segments: &[StoredSegment], token: Token) -> Option<SegmentName> {
    SegmentName::new(
        segments.first()?.name().first(),
        segments.last()?.name().last(),
        token,
    )
}
