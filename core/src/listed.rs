//! Enums that know all of their variants: the list comes of the same lines, so that none is forgotten in it.

/// Makes an enum of variants without fields, and the list of all of them in their order.
macro_rules! listed {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$of:meta])* $variant:ident,)+ }) => {
        $(#[$about])*
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// All of them, in their order.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];
        }
    };
}

pub(crate) use listed;
