//! Names of the variants of an enum, and the list of them: both come of the same lines, and a variant that has none does not
//! compile.

/// Makes a function that names a value, and a list of all such names.
macro_rules! names {
    ($(#[$about:meta])* $seen:vis $list:ident, $(#[$does:meta])* $name:ident($value:ident: $type:ty), {$($variant:pat => $text:literal,)+}) => {
        $(#[$about])*
        $seen const $list: &[&str] = &[$($text,)+];

        $(#[$does])*
        const fn $name($value: &$type) -> &'static str {
            match $value { $($variant => $text,)+ }
        }
    };
}

pub(crate) use names;
