//! The same promises, kept by `demitasse::small`.

use crate::support;
use demitasse::small as executor;

mod block_on;
mod end;
mod gather;
mod handles;
mod tasks;
mod time;
mod timers;
