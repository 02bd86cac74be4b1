//! The bytes of Hadoop's RPC: messages of protocol buffers, as far as a NameNode needs them.

use std::collections::BTreeMap;

/// The last value of each field of a message.
#[derive(Debug, Default)]
pub(super) struct Fields {
    numbers: BTreeMap<u64, u64>,
    bytes: BTreeMap<u64, Vec<u8>>,
}

impl Fields {
    pub(super) fn parse(mut message: &[u8]) -> Self {
        let mut fields = Fields::default();
        while !message.is_empty() {
            let tag = varint(&mut message);
            match tag & 7 {
                0 => {
                    fields.numbers.insert(tag >> 3, varint(&mut message));
                }
                2 => {
                    let value = delimited(&mut message).to_vec();
                    fields.bytes.insert(tag >> 3, value);
                }
                kind => panic!("a field of kind {kind}"),
            }
        }
        fields
    }

    pub(super) fn number(&self, field: u64) -> u64 {
        self.numbers.get(&field).copied().unwrap_or_default()
    }

    pub(super) fn flag(&self, field: u64) -> bool {
        self.number(field) != 0
    }

    pub(super) fn text(&self, field: u64) -> String {
        let bytes = self.bytes.get(&field).cloned().unwrap_or_default();
        String::from_utf8(bytes).unwrap()
    }
}

/// Takes a message with its length in front.
pub(super) fn delimited<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let length = varint(bytes) as usize;
    let (message, rest) = bytes.split_at(length);
    *bytes = rest;
    message
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    pub(super) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }

    /// With its length in front.
    pub(super) fn delimited(&self) -> Vec<u8> {
        let mut framed = Message::default();
        framed.varint(self.0.len() as u64);
        framed.0.extend_from_slice(&self.0);
        framed.0
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}
