//! The pages of `docs/`, as modules. Only rustdoc sees them: `cargo doc` shows them, and `cargo
//! test` runs their programs.
//!
//! A page links to others in the form `[text][label]`, and says at its end which file the label
//! means. That is right on a code host, and wrong here, where pages are modules. So the labels are
//! said once more in front of each page: of two meanings the first one counts.

#![doc = include_str!("../docs/README.md")]

macro_rules! pages {
    ($($name:ident: $file:literal)*) => {
        $(
            #[doc = labels!()]
            #[doc = include_str!(concat!("../docs/", $file))]
            pub mod $name {}
        )*
    };
}

macro_rules! labels {
    () => {
        concat!(
            "[01]: crate::guide::ch01_waiting_is_not_working\n",
            "[02]: crate::guide::ch02_a_future_is_a_value\n",
        )
    };
}

pages! {
    ch01_waiting_is_not_working: "01-waiting-is-not-working.md"
    ch02_a_future_is_a_value: "02-a-future-is-a-value.md"
}
