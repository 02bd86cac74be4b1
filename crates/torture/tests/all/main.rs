//! Each machine, bounded, from fixed seeds.

mod corruption;
