//! The views of the binary that a failing test shows: the timeline, and the turns in words.

#[path = "../../../src/view/block.rs"]
mod block;
#[path = "../../../src/view/playback.rs"]
mod playback;
#[path = "../../../src/view/steps.rs"]
pub mod steps;
#[path = "../../../src/view/timeline.rs"]
pub mod timeline;
#[path = "../../../src/view/words.rs"]
mod words;
