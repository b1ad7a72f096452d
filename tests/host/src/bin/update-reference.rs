// SPDX-License-Identifier: GPL-2.0

//! Makes the tables of `Documentation/interface.rst` anew. Run it in `tests/host`.

use appex_model::reference::{updated, DOCUMENT};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let path = format!("{}/{DOCUMENT}", env!("CARGO_MANIFEST_DIR"));
    if env::args().len() > 1 {
        return Err(io::Error::other("no arguments are taken"));
    }
    let document = fs::read_to_string(&path)?;
    let document = updated(&document).ok_or(io::Error::other("a marker is missing"))?;
    fs::write(&path, document)
}
