//! Pictures of a run. Each is a pure function of the events that the loop told.
//!
//! The loop stores nothing and draws nothing. Whoever runs it keeps the events in a `Vec`, and
//! gives them to a view when the run is over. So a picture never disturbs what it shows, and the
//! same events give the same picture.
//!
//! | file | what it makes |
//! |---|---|
//! | `lanes.rs` | the model: who was in which state from when to when |
//! | `timeline.rs` | the model as text, for a terminal |
//!
//! The views know the library's events and nothing of the demo.

pub mod timeline;
