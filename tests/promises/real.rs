//! The promises that need neither events nor reports, kept by the executor of this crate.

use crate::support;
use demitasse as executor;

mod block_on;
mod end;
mod gather;
mod handles;
mod tasks;
mod time;
mod timers;
