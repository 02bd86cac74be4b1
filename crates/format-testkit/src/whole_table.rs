//! Whole table files of a chosen size: every block, entry and property of them is right.

use stonekeep_format::sst::{BlockHandle, TableProperties};

use crate::Encode;
use crate::table::{Trailing, encode_entries, put_block, put_handle};

/// A table of exactly `file_size` bytes with these internal keys, which ascend, in one data block. Values are empty, but for the last one,
/// which takes the room that is left; `fill` makes its bytes. Counts and sizes in the properties are those of the table. `None` if
/// that is too small.
pub fn encode_whole_table(
    properties: &TableProperties,
    keys: &[Vec<u8>],
    file_size: usize,
    fill: impl Fn(&mut [u8]),
) -> Option<Vec<u8>> {
    let size_with = |value_len: usize| encode(properties, keys, &vec![0; value_len], 0).len();
    let mut value_len = file_size.checked_sub(size_with(0))?;
    // Lengths are varints: a longer value makes some of them longer, too.
    while size_with(value_len) > file_size {
        value_len = value_len.checked_sub(size_with(value_len) - file_size)?;
    }
    let mut value = vec![0; value_len];
    fill(&mut value);
    let file = encode(properties, keys, &value, 0);
    if file.len() == file_size {
        return Some(file);
    }
    // Zeros behind the data block are padding; they belong to the data.
    (1..=file_size - file.len())
        .map(|padding| encode(properties, keys, &value, padding))
        .find(|file| file.len() == file_size)
}

fn encode(properties: &TableProperties, keys: &[Vec<u8>], last_value: &[u8], padding: usize) -> Vec<u8> {
    let values = (1..=keys.len()).map(|n| if n == keys.len() { last_value } else { &[] });
    let entries = keys.iter().map(Vec::as_slice).zip(values);
    let mut file = Vec::new();
    let data = put_block(&mut file, &encode_entries(entries));
    file.resize(file.len() + padding, 0);
    let properties = TableProperties {
        num_entries: Some(keys.len() as u64),
        raw_key_size: Some(keys.iter().map(|key| key.len() as u64).sum()),
        raw_value_size: Some(last_value.len() as u64),
        data_size: Some(file.len() as u64),
        ..properties.clone()
    };
    let index = put_block(&mut file, &index_of(keys, data));
    let at_properties = put_block(&mut file, &properties.encode());
    Trailing {
        index,
        properties: at_properties,
    }
    .put(&mut file);
    file
}

/// The last key separates the block from nothing.
fn index_of(keys: &[Vec<u8>], data: BlockHandle) -> Vec<u8> {
    let mut handle = Vec::new();
    put_handle(&mut handle, data);
    let last = keys.last().map(Vec::as_slice).unwrap_or_default();
    encode_entries([(last, handle.as_slice())])
}
