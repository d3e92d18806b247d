//! Pictures of a run. Each is a pure function of the events that the loop told.
//!
//! The loop stores nothing and draws nothing. Whoever runs it keeps the events in a `Vec`, and
//! gives them to a view when the run is over. So a picture never disturbs what it shows, and the
//! same events give the same picture.
//!
//! | file | what it is |
//! |---|---|
//! | `text.rs` | colours, labels that fit, times, the marks of an axis |
//! | `lane.rs`, `lanes.rs` | the model: who was in which state, from when to when |
//! | `timeline.rs` | the model as text, for a terminal |
//! | `replay/` | what the loop did, step by step, in words and as a page |
//! | `objects.rs`, `trace_json.rs` | all of it, for a trace viewer |
//! | `shapes.rs`, `svg.rs` | the timeline as a picture |
//! | `live.rs` | bars that grow meanwhile |
//!
//! The views know the library's events, and nothing of the demo.

pub mod live;
mod objects;
pub mod replay;
mod shapes;
pub mod svg;
pub mod timeline;
pub mod trace_json;
