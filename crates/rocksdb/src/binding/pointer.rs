//! RocksDB's own pointer to an open database, where the `rocksdb` crate shows it.
//!
//! That crate shows it for one of its two types of `DB`, and a feature that other crates may switch on decides for which.
//! So the compiler is asked: `(&Probe(db)).pointer()` is [`Shown::pointer`] for a type that has one, since it prefers
//! the method that needs no further reference, and [`Hidden::pointer`] for any other.

use std::marker::PhantomData;
use std::ptr::NonNull;

use librocksdb_sys::rocksdb_t;
use rocksdb::AsRawPtr;

/// A handle whose pointer is asked for.
pub(super) struct Probe<'db, D>(pub(super) &'db D);

/// The pointer of a database that is open for as long as `'db`.
#[derive(Clone, Copy)]
pub(super) struct Pointer<'db> {
    pointer: NonNull<rocksdb_t>,
    open: PhantomData<&'db rocksdb_t>,
}

// SAFETY: a `DB` of RocksDB may be used by any number of threads at a time (`include/rocksdb/db.h`).
unsafe impl Send for Pointer<'_> {}
// SAFETY: the same.
unsafe impl Sync for Pointer<'_> {}

impl Pointer<'_> {
    /// For calls of the C API; good for as long as `self`.
    pub(super) fn as_ptr(self) -> *mut rocksdb_t {
        self.pointer.as_ptr()
    }
}

/// The pointer is shown.
pub(super) trait Shown<'db> {
    /// The pointer.
    fn pointer(&self) -> Option<Pointer<'db>>;
}

/// The pointer is hidden.
pub(super) trait Hidden<'db> {
    /// None.
    fn pointer(&self) -> Option<Pointer<'db>>;
}

impl<'db, D: AsRawPtr<rocksdb_t>> Shown<'db> for Probe<'db, D> {
    fn pointer(&self) -> Option<Pointer<'db>> {
        // SAFETY: the pointer is kept no longer than the handle is borrowed, which keeps the database open.
        let pointer = NonNull::new(unsafe { self.0.as_raw_ptr() })?;
        Some(Pointer {
            pointer,
            open: PhantomData,
        })
    }
}

impl<'db, D> Hidden<'db> for &Probe<'db, D> {
    fn pointer(&self) -> Option<Pointer<'db>> {
        None
    }
}
