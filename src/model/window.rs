// SPDX-License-Identifier: GPL-2.0

//! The bound of the windows that a connection offers: `maxAdvWinWan`, `maxAdvWinLan`.
//!
//! The bound is the socket's own (`TCP_WINDOW_CLAMP`). The kernel lifts it when it enlarges the receive buffer, and
//! the application may change it. So what we put there is remembered, and counts as ours only while it is still there.

/// A bound that we have put, or none. (An `Option` of it would take four bytes more in each connection.)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bound {
    /// What it was before, bytes; zero if we have put none.
    pub before: u32,
    /// What we made it, bytes; less than that.
    pub ours: u32,
}

/// What the bound, which is `now` bytes, is to be under `limit`, and what is to be remembered. `bound` is what was.
pub const fn bound(now: u32, bound: Bound, limit: Option<u32>) -> (u32, Bound) {
    let free = if bound.before != 0 && bound.ours == now {
        bound.before
    } else {
        // Not ours, or changed by somebody else since.
        now
    };
    match limit {
        Some(limit) if limit < free => (
            limit,
            Bound {
                before: free,
                ours: limit,
            },
        ),
        _ => (free, Bound { before: 0, ours: 0 }),
    }
}

#[cfg(test)]
mod tests;
