// SPDX-License-Identifier: GPL-2.0

//! appex: a sender-side TCP accelerator.

use kernel::prelude::*;

mod sys;

module! {
    type: Appex,
    name: "appex",
    authors: ["The appex authors"],
    description: "TCP accelerator for far, lossy, shared networks",
    license: "GPL v2",
}

struct Appex;

impl kernel::Module for Appex {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        sys::layout::check()?;
        pr_info!("loaded\n");
        Ok(Appex)
    }
}
