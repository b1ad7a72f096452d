// SPDX-License-Identifier: GPL-2.0

//! Network interfaces and news about them.
//!
//! C header: `include/linux/netdevice.h`.

use super::bindings as c;
use super::published::ReadSide;
use core::marker::PhantomData;
use core::pin::Pin;
use core::ptr;
use kernel::error::to_result;
use kernel::ffi;
use kernel::prelude::*;
use kernel::str::CStr;
use kernel::types::Opaque;

/// An interface during a callback.
///
/// # Invariants
///
/// `dev` is valid during `'a`.
pub(crate) struct Device<'a> {
    dev: *mut c::net_device,
    _call: PhantomData<&'a c::net_device>,
}

impl<'a> Device<'a> {
    /// The interface of the initial namespace with this index. Context: RCU.
    pub(crate) fn by_index(_guard: &'a impl ReadSide, index: u32) -> Option<Self> {
        // SAFETY: The read side is held for `'a`, and keeps the interface as long.
        unsafe { Self::from_raw(c::appex_dev_by_index(index).cast_mut()) }
    }

    /// # Safety
    ///
    /// A non-null `dev` must stay valid for the returned lifetime.
    pub(in crate::sys) unsafe fn from_raw(dev: *mut c::net_device) -> Option<Self> {
        // INVARIANT: Promised by the caller.
        (!dev.is_null()).then_some(Device {
            dev,
            _call: PhantomData,
        })
    }

    /// Interface index, unique in its namespace, never zero.
    pub(crate) fn index(&self) -> u32 {
        // SAFETY: Valid by the type invariant; `layout` has compared where the field is.
        let index = unsafe { ptr::read_volatile(&raw const (*self.dev).ifindex) };
        u32::try_from(index).unwrap_or(0)
    }

    /// What tells it from all others that exist at the same time, in whatever namespace.
    pub(crate) fn identity(&self) -> usize {
        self.dev.addr()
    }

    /// Whether an IPv4 peer (network order) is in a subnet of this interface.
    /// Context: RCU, as in a hook.
    pub(crate) fn is_onlink_v4(&self, peer: &[u8; 4]) -> bool {
        // SAFETY: Valid by the type invariant; four bytes are read.
        unsafe { c::appex_dev_onlink_v4(self.dev, peer.as_ptr()) }
    }

    /// Whether an IPv6 peer is in a subnet of this interface.
    pub(crate) fn is_onlink_v6(&self, peer: &[u8; 16]) -> bool {
        // SAFETY: Valid by the type invariant; sixteen bytes are read.
        unsafe { c::appex_dev_onlink_v6(self.dev, peer.as_ptr()) }
    }
}

/// What happened to an interface of the initial namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// It is there: registered, renamed, or moved here. Also sent for each
    /// existing interface when watching begins.
    Present,
    /// It is about to vanish.
    Gone,
}

/// Receives events under RTNL, in process context; may sleep.
pub(crate) trait Watcher: Sync + 'static {
    /// `name` is the present one, `index` the interface's.
    fn on_event(&self, event: Event, name: &[u8], index: u32);
}

/// Watching interfaces until dropped.
#[pin_data(PinnedDrop)]
pub(crate) struct Watch<W: Watcher> {
    #[pin]
    block: Opaque<c::notifier_block>,
    watcher: &'static W,
}

// SAFETY: The block is only touched by the notifier chain, under its lock.
unsafe impl<W: Watcher> Send for Watch<W> {}
// SAFETY: `&Watch` offers nothing.
unsafe impl<W: Watcher> Sync for Watch<W> {}

impl<W: Watcher> Watch<W> {
    /// Begins to watch; events for existing interfaces come before it returns.
    ///
    /// Context: process, without RTNL.
    pub(crate) fn new(watcher: &'static W) -> Result<Pin<KBox<Self>>> {
        let watch = KBox::pin_init(
            try_pin_init!(Watch {
                block: Opaque::new(c::notifier_block {
                    notifier_call: Some(Self::notify),
                    // SAFETY: All-zero means: no successor, priority 0.
                    ..unsafe { core::mem::zeroed() }
                }),
                watcher,
            }? Error),
            GFP_KERNEL,
        )?;
        // SAFETY: The block is pinned and is unregistered when the watch is dropped. If this
        // fails, dropping unregisters a block that is not there, which only returns an error.
        to_result(unsafe { c::register_netdevice_notifier(watch.block.get()) })?;
        Ok(watch)
    }

    /// # Safety
    ///
    /// Called by the notifier chain under RTNL with our block.
    unsafe extern "C" fn notify(
        block: *mut c::notifier_block,
        event: ffi::c_ulong,
        info: *mut ffi::c_void,
    ) -> ffi::c_int {
        let done = c::NOTIFY_DONE as ffi::c_int;
        let event = match event as c::netdev_cmd {
            c::netdev_cmd_NETDEV_REGISTER
            | c::netdev_cmd_NETDEV_CHANGENAME
            | c::netdev_cmd_NETDEV_UP => Event::Present,
            c::netdev_cmd_NETDEV_UNREGISTER => Event::Gone,
            _ => return done,
        };
        // SAFETY: `block` is the first field of a `Watch<W>` (checked below); device and name are
        // stable under RTNL.
        unsafe {
            let dev = c::appex_notifier_dev(info);
            if c::appex_dev_in_init_net(dev) {
                let watch = block
                    .byte_sub(core::mem::offset_of!(Self, block))
                    .cast::<Self>();
                let name = CStr::from_char_ptr(c::appex_dev_name(dev).cast());
                let index = u32::try_from(c::appex_dev_ifindex(dev)).unwrap_or(0);
                (*watch).watcher.on_event(event, name.to_bytes(), index);
            }
        }
        done
    }
}

#[pinned_drop]
impl<W: Watcher> PinnedDrop for Watch<W> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered by `new` (or refused, then this is a no-op). Sends `Gone` for each
        // interface and waits for a callback in progress.
        unsafe { c::unregister_netdevice_notifier(self.block.get()) };
    }
}
