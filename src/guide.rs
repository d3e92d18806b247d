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
        "[lib.rs]: ../../../src/demitasse/lib.rs.html\n"
    };
}

pages! {}
