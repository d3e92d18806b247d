//! The promises that rung 4 is ready for.

use crate::support;

#[allow(dead_code)]
#[path = "../../docs/rungs/4-time.rs"]
mod executor;

#[path = "../promises/block_on.rs"]
mod block_on;
#[path = "../promises/tasks.rs"]
mod tasks;
#[path = "../promises/time.rs"]
mod time;
