//! Session ids and the unique ids of table files.
