//! Each machine, bounded, from fixed seeds.

mod corruption;
mod crashes;
mod faults;
mod kills;
mod power;
mod simulation;
mod strangers;
