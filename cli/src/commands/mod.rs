//! The commands, a file each.

pub mod audit;
pub mod certify;
pub mod check;
pub mod cite;
pub mod claims;
pub mod derivatives;
pub mod inspect;
pub mod report;
pub mod trace;
pub mod verify;
