//! The promises that rung 5 is ready for.

use crate::support;

#[allow(dead_code)]
#[path = "../../docs/rungs/5-gather.rs"]
mod executor;

#[path = "../promises/block_on.rs"]
mod block_on;
#[path = "../promises/gather.rs"]
mod gather;
#[path = "../promises/tasks.rs"]
mod tasks;
#[path = "../promises/time.rs"]
mod time;
