//! Cuts a write batch that comes in pieces into records.

use xxhash_rust::xxh3::Xxh3;

use super::replay::TransactionId;
use super::tag::{self, Field, Meaning};
use crate::ColumnFamilyId;

/// A record, without its keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) meaning: Meaning,
    pub(super) column_family: ColumnFamilyId,
    /// Of the name that it carries; that of the empty name if it carries none.
    pub(super) transaction: TransactionId,
}

/// Why bytes are no record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    UnknownTag(u8),
    LongVarint,
}

/// The records of a batch behind its header. Holds nothing of what it has seen but the present record's summary.
pub(super) struct RecordParser {
    expect: Expect,
    /// The field that is being read, when it is one.
    field: Field,
    /// The fields behind it.
    later: &'static [Field],
    record: Record,
    transaction_name: Option<Box<Xxh3>>,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy)]
enum Expect {
    Tag,
    /// A byte of the number of a column family or of a length.
    Number(Varint),
    /// One of so many bytes of a string.
    Contents(u32),
}

/// A varint32 that comes byte by byte.
#[derive(Debug, Clone, Copy, Default)]
struct Varint {
    value: u32,
    shift: u32,
}

impl Varint {
    /// Takes a byte; the number, if it was the last one.
    fn push(&mut self, byte: u8) -> Result<Option<u32>, Trouble> {
        let part = u32::from(byte & 0x7f);
        if self.shift > 28 || (self.shift == 28 && part > 0xf) {
            return Err(Trouble::LongVarint);
        }
        self.value |= part << self.shift;
        self.shift += 7;
        Ok((byte & 0x80 == 0).then_some(self.value))
    }
}

impl RecordParser {
    pub(super) fn new() -> Self {
        RecordParser {
            expect: Expect::Tag,
            field: Field::Bytes,
            later: &[],
            record: Record {
                meaning: Meaning::Noop,
                column_family: ColumnFamilyId::DEFAULT,
                transaction: TransactionId::default(),
            },
            transaction_name: None,
        }
    }

    /// Whether the last record is complete.
    pub(super) fn is_between_records(&self) -> bool {
        matches!(self.expect, Expect::Tag)
    }

    /// Takes at least one of `bytes`, which are not empty. Says how many it took, and gives the record that
    /// they complete.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<(usize, Option<Record>), Trouble> {
        let first = bytes.first().copied().unwrap_or_default();
        match &mut self.expect {
            Expect::Tag => Ok((1, self.begin(first)?)),
            Expect::Number(number) => match number.push(first)? {
                Some(number) => Ok((1, self.take_number(number))),
                None => Ok((1, None)),
            },
            Expect::Contents(left) => {
                let taken = bytes.len().min(*left as usize);
                *left -= taken as u32;
                let done = *left == 0;
                if let Some(name) = &mut self.transaction_name {
                    name.update(&bytes[..taken]);
                }
                Ok((taken, if done { self.next_field() } else { None }))
            }
        }
    }

    fn begin(&mut self, tag: u8) -> Result<Option<Record>, Trouble> {
        let (fields, meaning) = tag::shape(tag).ok_or(Trouble::UnknownTag(tag))?;
        self.later = fields;
        self.record = Record {
            meaning,
            column_family: ColumnFamilyId::DEFAULT,
            transaction: TransactionId::default(),
        };
        Ok(self.next_field())
    }

    fn take_number(&mut self, number: u32) -> Option<Record> {
        match self.field {
            Field::ColumnFamily => {
                self.record.column_family = ColumnFamilyId(number);
                return self.next_field();
            }
            Field::Transaction => self.transaction_name = Some(Box::default()),
            Field::Bytes => {}
        }
        if number == 0 {
            return self.next_field();
        }
        self.expect = Expect::Contents(number);
        None
    }

    /// Goes on to the next field, or gives the record that has no more.
    fn next_field(&mut self) -> Option<Record> {
        if let Some(name) = self.transaction_name.take() {
            self.record.transaction = TransactionId(name.digest128());
        }
        match self.later.split_first() {
            Some((field, later)) => {
                self.field = *field;
                self.later = later;
                self.expect = Expect::Number(Varint::default());
                None
            }
            None => {
                self.expect = Expect::Tag;
                Some(self.record)
            }
        }
    }
}
