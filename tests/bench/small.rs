//! The loop of `demitasse::small`.

use demitasse::small as executor;

#[path = "the_loop.rs"]
mod the_loop;

pub use the_loop::{of_memory, of_the_loop};
