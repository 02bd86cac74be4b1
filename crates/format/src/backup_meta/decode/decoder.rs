//! Decodes a meta file piece by piece, in one of two levels of detail, without holding its text.

use memchr::memchr;

use crate::backup_meta::decode::app_metadata::AppMetadata;
use crate::backup_meta::decode::field_text::decode_footer_field;
use crate::backup_meta::decode::file;
use crate::backup_meta::decode::head::HeadDecoder;
use crate::backup_meta::decode::name_check::NameCheck;
use crate::backup_meta::known_paths::{KnownPaths, LineMemory};
use crate::backup_meta::line::Line;
use crate::backup_meta::{
    BackupMeta, FOOTER, Field, LINE_LIMIT_BYTES, METADATA, MetaFile, MetaHead, PathId, PathTable,
    SchemaVersion,
};
use crate::{BackupId, Crc32c, Result};

/// The line of a file.
///
/// Exhaustive: these are the two levels of detail of a decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaLine {
    /// A line of schema 1 whose path is known, with the checksum in it.
    Known(PathId, Crc32c),
    /// Any other line.
    File(MetaFile),
}

/// A meta file that is being read. It holds what it has read except the files, which it hands out.
#[derive(Debug)]
pub struct MetaDecoder<'k> {
    /// Where the text that comes next begins.
    offset: u64,
    part: Part,
    head: MetaHead,
    file_count: u32,
    names: NameCheck<'k>,
    there: u64,
    footer_fields: Vec<Field>,
}

/// What the next line belongs to.
#[derive(Debug)]
enum Part {
    Head(HeadDecoder),
    /// A line of the head that is too long to be held.
    Metadata(HeadDecoder, AppMetadata),
    Files,
    Footer,
}

impl<'k> MetaDecoder<'k> {
    /// Reads the meta file of this backup, or of one whose id is not known.
    pub fn new(backup: Option<BackupId>) -> Self {
        MetaDecoder {
            offset: 0,
            part: Part::Head(HeadDecoder::default()),
            head: MetaHead::default(),
            file_count: 0,
            names: NameCheck::new(backup),
            there: 0,
            footer_fields: Vec::new(),
        }
    }

    /// The same, with the lines of known paths as [`MetaLine::Known`] as far as they can be recognised. The result and
    /// the errors are the same for any paths.
    pub fn with_known(backup: BackupId, paths: &'k PathTable, memory: &'k mut LineMemory) -> Self {
        let mut decoder = MetaDecoder::new(Some(backup));
        decoder.names.known = Some(KnownPaths::new(paths, memory));
        decoder
    }

    /// Reads on, and hands out the files; returns how many bytes of the text it has taken. The rest is the beginning of a
    /// line, shorter than [`LINE_LIMIT_BYTES`], and comes again with what follows it.
    ///
    /// # Errors
    /// Corrupt or unsupported text, and lines of more than [`LINE_LIMIT_BYTES`] but the application's metadata.
    pub fn push(&mut self, text: &[u8], take: &mut dyn FnMut(MetaLine)) -> Result<usize> {
        let begin = self.offset;
        let mut rest = text;
        loop {
            if let Part::Files = self.part {
                rest = self.known_lines(rest, take)?;
            }
            let end = memchr(b'\n', rest);
            if let Part::Metadata(..) = self.part {
                rest = self.metadata(rest, end)?;
            } else if let Some(end) = end {
                let (text, after) = rest.split_at(end);
                self.line(text, take)?;
                rest = after.get(1..).unwrap_or_default();
                self.offset += end as u64 + 1;
            } else if rest.len() >= LINE_LIMIT_BYTES {
                rest = self.begin_metadata(rest)?;
            } else {
                break;
            }
            if rest.is_empty() {
                break;
            }
        }
        Ok(usize::try_from(self.offset - begin).unwrap_or(text.len()))
    }

    /// The meta file without its files, given what [`Self::push`] has left of the last piece.
    ///
    /// # Errors
    /// Corrupt text.
    pub fn finish(self, rest: &[u8]) -> Result<BackupMeta> {
        let end = Line {
            offset: self.offset,
            text: rest,
        };
        if let Part::Head(_) | Part::Metadata(..) = self.part {
            return Err(end.corrupt("the file ends before the number of files"));
        }
        if !rest.is_empty() {
            return Err(end.corrupt("the last line does not end in a newline"));
        }
        if self.there != u64::from(self.file_count) {
            let (there, announced) = (self.there, self.file_count);
            return Err(end.corrupt(format!("{there} files are listed, {announced} are announced")));
        }
        Ok(BackupMeta {
            head: self.head,
            files: Vec::new(),
            footer_fields: self.footer_fields,
        })
    }

    /// Takes the lines of known paths that a text begins with; returns what follows them.
    fn known_lines<'t>(&mut self, text: &'t [u8], take: &mut dyn FnMut(MetaLine)) -> Result<&'t [u8]> {
        let mut rest = text;
        if self.head.schema != SchemaVersion::One {
            return Ok(rest);
        }
        while let Some((id, crc32c, length)) =
            self.names.known.as_mut().and_then(|known| known.recognise(rest))
        {
            let (text, after) = rest.split_at(length);
            let offset = self.offset;
            self.names.check_known(&Line { offset, text }, id)?;
            self.offset += length as u64;
            self.there += 1;
            take(MetaLine::Known(id, crc32c));
            rest = after;
        }
        Ok(rest)
    }

    fn line(&mut self, text: &[u8], take: &mut dyn FnMut(MetaLine)) -> Result<()> {
        let line = Line {
            offset: self.offset,
            text,
        };
        let has_fields = self.head.schema != SchemaVersion::One;
        match &mut self.part {
            Part::Head(decoder) => {
                if text.len() > LINE_LIMIT_BYTES && !decoder.begins_metadata(&line)? {
                    return Err(too_long(&line));
                }
                if let Some(file_count) = decoder.line(&line)? {
                    self.head = std::mem::take(&mut decoder.head);
                    self.file_count = file_count;
                    self.names.expect(file_count);
                    self.part = Part::Files;
                }
            }
            _ if text.len() > LINE_LIMIT_BYTES => return Err(too_long(&line)),
            Part::Files if text == FOOTER && has_fields => self.part = Part::Footer,
            Part::Footer => self.footer_fields.push(decode_footer_field(&line)?),
            Part::Files | Part::Metadata(..) => {
                let file = file::decode(&line, has_fields, &mut self.names)?;
                self.there += u64::from(!file.excluded);
                take(MetaLine::File(file));
            }
        }
        Ok(())
    }

    /// The beginning of a line that is too long to be held; what is left of it, which is nothing.
    fn begin_metadata<'t>(&mut self, text: &'t [u8]) -> Result<&'t [u8]> {
        let line = Line {
            offset: self.offset,
            text,
        };
        let Part::Head(decoder) = &mut self.part else {
            return Err(too_long(&line));
        };
        if !decoder.begins_metadata(&line)? {
            return Err(too_long(&line));
        }
        let mut metadata = AppMetadata::default();
        metadata.push(&line, text.get(METADATA.len() + 1..).unwrap_or_default())?;
        self.part = Part::Metadata(std::mem::take(decoder), metadata);
        self.offset += text.len() as u64;
        Ok(&[])
    }

    /// More of such a line, which may end at `end`; returns what follows it.
    fn metadata<'t>(&mut self, text: &'t [u8], end: Option<usize>) -> Result<&'t [u8]> {
        let line = Line {
            offset: self.offset,
            text,
        };
        let Part::Metadata(decoder, metadata) = &mut self.part else {
            return Ok(text);
        };
        let (hex, after) = text.split_at(end.unwrap_or(text.len()));
        metadata.push(&line, hex)?;
        self.offset += hex.len() as u64;
        if end.is_some() {
            std::mem::take(metadata).finish(&line, &mut decoder.head)?;
            self.part = Part::Head(std::mem::take(decoder));
            self.offset += 1;
        }
        Ok(after.get(1..).unwrap_or_default())
    }
}

fn too_long(line: &Line<'_>) -> crate::FormatError {
    line.corrupt(format!("a line has more than {LINE_LIMIT_BYTES} bytes"))
}
