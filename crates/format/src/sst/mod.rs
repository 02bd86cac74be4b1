//! Table files: footers, the metaindex and the properties block.
