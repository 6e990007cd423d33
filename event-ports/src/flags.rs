//! How the flag sets print: `In | Out`, the bits without a name in hexadecimal.

use std::fmt;

/// Writes `bits` as the names of `names`, joined by ` | `. A name whose bits an earlier name has shown is left out, so
/// two names of one value print once.
pub(crate) fn write_names(f: &mut fmt::Formatter<'_>, bits: i32, names: &[(i32, &str)]) -> fmt::Result {
    if bits == 0 {
        return f.write_str("(empty)");
    }
    let mut rest = bits;
    let mut separator = "";
    for &(value, name) in names {
        if rest & value == value {
            write!(f, "{separator}{name}")?;
            separator = " | ";
            rest &= !value;
        }
    }
    if rest != 0 {
        write!(f, "{separator}{rest:#x}")?;
    }
    Ok(())
}
