//! The views of the binary that a failing test shows: the timeline, and the steps in words.

#[allow(dead_code, reason = "the binary uses all of it")]
#[path = "../../../src/view/replay/mod.rs"]
pub mod replay;
#[path = "../../../src/view/timeline.rs"]
pub mod timeline;
