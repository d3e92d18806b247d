//! The book: the pages of `docs/`, each as a module. Begin with [`ch00_the_way_in`].
//!
//! The exercises, their solutions and the experiments are in the repository only.

// Only rustdoc sees this file: `cargo doc` shows the pages, and `cargo test` runs their programs.
//
// A page links to another one in the form `[text][label]`, and says at its end which file the label
// means. That is right on a code host and wrong here, where pages are modules. So the labels are
// said once more in front of each page: of two meanings the first one counts.

macro_rules! pages {
    ($($name:ident: $file:literal)*) => {
        $(
            #[cfg_attr(not(doctest), doc = labels!())]
            #[doc = include_str!(concat!("../docs/", $file))]
            pub mod $name {}
        )*
    };
}

macro_rules! labels {
    () => {
        concat!(
            "[run]: crate::guide::ch00_the_way_in#how-to-run-the-programs\n",
            "[01]: crate::guide::ch01_waiting_is_not_working\n",
            "[02]: crate::guide::ch02_a_future_is_a_value\n",
            "[03]: crate::guide::ch03_block_on\n",
            "[04]: crate::guide::ch04_the_waker\n",
            "[05]: crate::guide::ch05_many_tasks\n",
            "[time]: crate::guide::ch06_time_you_can_hold\n",
            "[09]: crate::guide::ch09_wakes_without_a_lock\n",
            "[10]: crate::guide::ch10_the_timer_wheel\n",
            "[11]: crate::guide::ch11_panics_and_what_is_left\n",
            "[12]: crate::guide::ch12_stuck\n",
            "[13]: crate::guide::ch13_seeing_it\n",
            "[14]: crate::guide::ch14_what_the_big_ones_add\n",
            "[gather]: crate::guide::ch07_gather\n",
            "[spawn]: crate::guide::ch08_spawn_join_cancel\n",
            "[glossary]: crate::guide::glossary\n",
            "[promises]: crate::guide::promises\n",
            "[pin]: crate::guide::pin\n",
            "[replay]: crate::guide::replay\n",
            "[replay.html]: crate::guide::replay\n",
            "[from-asyncio]: crate::guide::from_asyncio\n",
            "[performance]: crate::guide::performance\n",
            "[exercises]: crate::guide\n",
            "[experiments]: crate::guide\n",
            "[solutions]: crate::guide\n",
            // The pages on which rustdoc shows the library's source.
            "[event.rs]: ../../../src/demitasse/event.rs.html\n",
            "[event_loop.rs]: ../../../src/demitasse/event_loop.rs.html\n",
            "[gather.rs]: ../../../src/demitasse/gather.rs.html\n",
            "[ready_queue.rs]: ../../../src/demitasse/ready_queue.rs.html\n",
            "[small.rs]: ../../../src/demitasse/small.rs.html\n",
            "[ticket.rs]: ../../../src/demitasse/ticket.rs.html\n",
        )
    };
}

pages! {
    ch00_the_way_in: "README.md"
    ch01_waiting_is_not_working: "01-waiting-is-not-working.md"
    ch02_a_future_is_a_value: "02-a-future-is-a-value.md"
    ch03_block_on: "03-block-on.md"
    ch04_the_waker: "04-the-waker.md"
    ch05_many_tasks: "05-many-tasks.md"
    ch06_time_you_can_hold: "06-time-you-can-hold.md"
    ch07_gather: "07-gather.md"
    ch08_spawn_join_cancel: "08-spawn-join-cancel.md"
    ch09_wakes_without_a_lock: "09-wakes-without-a-lock.md"
    ch10_the_timer_wheel: "10-the-timer-wheel.md"
    ch11_panics_and_what_is_left: "11-panics-and-what-is-left.md"
    ch12_stuck: "12-stuck.md"
    ch13_seeing_it: "13-seeing-it.md"
    ch14_what_the_big_ones_add: "14-what-the-big-ones-add.md"
    from_asyncio: "from-asyncio.md"
    glossary: "glossary.md"
    performance: "performance.md"
    pin: "pin.md"
    promises: "promises.md"
    replay: "replay.md"
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod front_page {}
