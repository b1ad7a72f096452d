// SPDX-License-Identifier: GPL-2.0

//! Registration of a congestion control with TCP.

use super::control::Control;
use super::ops::{self, Algorithm, Private};
use crate::sys::bindings as c;
use core::marker::PhantomData;
use core::mem::size_of;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Release};

/// A congestion control that can adopt sockets, and once announced can be chosen
/// by name; dropping it hands back all sockets.
pub(crate) struct Registration<A: Algorithm> {
    announced: bool,
    _algorithm: PhantomData<A>,
}

impl<A: Algorithm> Registration<A> {
    /// Makes the algorithm ready to adopt sockets.
    ///
    /// Context: process, module init. Errors: `EBUSY` when it is already.
    pub(crate) fn new() -> Result<Self> {
        const {
            assert!(A::NAME.len() < c::TCP_CA_NAME_MAX as usize);
            assert!(size_of::<Private<A>>() <= c::APPEX_CA_PRIV_BYTES as usize);
        }
        let control: &Control<A> = A::control();
        if control.ready.load(Acquire) != 0 {
            return Err(EBUSY);
        }
        for shard in &control.shards {
            // SAFETY: Before registration nobody else knows the shard.
            unsafe {
                c::appex_spin_lock_init(shard.lock.get());
                c::appex_list_init(shard.head.get());
            }
        }
        let ops = control.ops.get();
        // SAFETY: Before registration nobody else knows `ops`.
        unsafe {
            (*ops).init = Some(ops::init::<A>);
            (*ops).release = Some(ops::release::<A>);
            (*ops).cong_control = Some(ops::cong_control::<A>);
            (*ops).ssthresh = Some(ops::ssthresh::<A>);
            (*ops).undo_cwnd = Some(ops::undo_cwnd::<A>);
            (*ops).set_state = Some(ops::set_state::<A>);
            (*ops).cwnd_event_tx_start = Some(ops::cwnd_event_tx_start::<A>);
            (*ops).sndbuf_expand = Some(ops::sndbuf_expand);
            (*ops).get_info = Some(ops::get_info::<A>);
            // Not for everybody (TCP_CONG_NON_RESTRICTED): who chooses it by name keeps the module from being unloaded.
            (*ops).flags = 0;
            (*ops).owner = c::appex_this_module();
            for (to, &from) in (*ops).name.iter_mut().zip(A::NAME) {
                *to = from;
            }
        }
        // ORDERING: Pairs with the acquire in `Control::adopt`: the lists are initialised.
        control.ready.store(1, Release);
        Ok(Registration {
            announced: false,
            _algorithm: PhantomData,
        })
    }

    /// Registers the algorithm under its name.
    ///
    /// The last step of module init: from now on sockets can take references
    /// on the module, and with one of those it must not go away again because
    /// a later step fails.
    ///
    /// Context: process, module init. Errors: `EEXIST` when the name is taken.
    pub(crate) fn announce(&mut self) -> Result {
        // SAFETY: `ops` is static and was completed by `new`; `Drop` unregisters it.
        kernel::error::to_result(unsafe {
            c::tcp_register_congestion_control(A::control().ops.get())
        })?;
        self.announced = true;
        Ok(())
    }
}

impl<A: Algorithm> Drop for Registration<A> {
    fn drop(&mut self) {
        let control = A::control();
        control.hand_back_all();
        control.ready.store(0, Release);
        if self.announced {
            // SAFETY: Registered by `announce`. Users by name hold a module reference, so there
            // are none; the call waits for readers of the list under RCU.
            unsafe { c::tcp_unregister_congestion_control(control.ops.get()) };
        }
        // A diagnostic reader may have fetched the ops of a socket just handed back; and TCP
        // calls `release` for a connect(AF_UNSPEC) in process context, where a task can be
        // preempted in our last instructions.
        // SAFETY: Process context.
        unsafe { c::appex_wait_for_callers() };
    }
}
