//! The 32 KiB block framing that WALs and MANIFESTs share.
