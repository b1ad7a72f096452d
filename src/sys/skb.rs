// SPDX-License-Identifier: GPL-2.0

//! A packet as a netfilter hook sees it: looked at, never owned.
//!
//! C header: `include/linux/skbuff.h`.

use super::bindings as c;
use super::published::ReadSide;
use super::tcp::Socket;
use core::marker::PhantomData;

/// A packet during a hook's call; offset 0 is the network header.
///
/// # Invariants
///
/// `skb` is valid during `'a`, and `'a` lies in an RCU read side.
pub(crate) struct Packet<'a> {
    skb: *mut c::sk_buff,
    _hook: PhantomData<&'a c::sk_buff>,
}

// SAFETY: By the type invariant a packet only lives in an RCU read side.
unsafe impl ReadSide for Packet<'_> {}

impl<'a> Packet<'a> {
    /// # Safety
    ///
    /// `skb` must be valid during `'a`, with its data at the network header, and an RCU read side
    /// must last as long.
    pub(in crate::sys) unsafe fn from_raw(skb: *mut c::sk_buff) -> Self {
        // INVARIANT: Promised by the caller.
        Packet {
            skb,
            _hook: PhantomData,
        }
    }

    /// The same packet, for the same time.
    pub(in crate::sys) fn again(&self) -> Packet<'a> {
        // INVARIANT: As this one.
        Packet {
            skb: self.skb,
            _hook: PhantomData,
        }
    }

    /// Bytes from the network header to the end; for a GSO packet those of
    /// all its segments with one set of headers.
    pub(crate) fn len(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.skb).len }
    }

    /// Number of segments on the wire.
    pub(crate) fn segments(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { c::appex_skb_gso_segs(self.skb) }.max(1)
    }

    /// Whether the packet came in by an interface, so is being forwarded when
    /// it is met on its way out.
    pub(crate) fn was_received(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { c::appex_skb_iif(self.skb) != 0 }
    }

    /// The packet's first bytes as far as they lie in one piece, at most `most`. The headers of what TCP
    /// sends do, and those of what drivers hand up mostly.
    pub(crate) fn linear(&self, most: usize) -> &[u8] {
        // SAFETY: Valid by the type invariant.
        let (data, len, paged) =
            unsafe { ((*self.skb).data, (*self.skb).len, (*self.skb).data_len) };
        let linear = len.saturating_sub(paged) as usize;
        // SAFETY: `len - data_len` bytes are at `data`. During a hook's call nobody else writes to
        // them: other users of the same bytes (clones) must copy before they write.
        unsafe { core::slice::from_raw_parts(data, linear.min(most)) }
    }

    /// Copies the first bytes of the packet, as many as there are; returns the
    /// part of `buffer` that was filled.
    pub(crate) fn head<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let want = u32::try_from(buffer.len())
            .unwrap_or(u32::MAX)
            .min(self.len());
        let to = buffer.as_mut_ptr().cast();
        // SAFETY: `buffer` has room for `want` bytes; the callee checks the packet's length.
        let failed = unsafe { c::appex_skb_copy_bits(self.skb, 0, to, want) } != 0;
        let filled = if failed { 0 } else { want as usize };
        buffer.get(..filled).unwrap_or(&[])
    }

    /// Whether this is the first SYN-ACK of a connection request, straight
    /// from TCP, and the listener is not crowded.
    pub(in crate::sys) fn is_first_synack(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { c::appex_skb_is_first_synack(self.skb) }
    }

    /// Sends a second copy, which passes all hooks. False if
    /// there is no memory for it or the packet must not be copied.
    ///
    /// # Safety
    ///
    /// The packet must be met in LOCAL_OUT, and belong to the family `v6` says.
    pub(in crate::sys) unsafe fn send_copy(&self, v6: bool) -> bool {
        // SAFETY: Valid by the type invariant; a packet in LOCAL_OUT has its route and complete
        // headers of the family that the caller vouches for.
        unsafe { c::appex_skb_send_copy(self.skb, v6) }
    }

    /// Source and destination as they were before anything translated them, if connection tracking knows: addresses
    /// as in the header, an IPv4 one in the first four bytes, and ports.
    pub(in crate::sys) fn untranslated(&self, v6: bool) -> Option<[([u8; 16], u16); 2]> {
        let mut ends = [[0u8; 16]; 2];
        let mut ports = [0u16; 2];
        // SAFETY: Valid by the type invariant; there is room for two addresses and two ports.
        let known = unsafe {
            c::appex_skb_untranslated(self.skb, v6, ends.as_mut_ptr().cast(), ports.as_mut_ptr())
        };
        let ([from, to], [from_port, to_port]) = (ends, ports);
        known.then_some([(from, from_port), (to, to_port)])
    }

    /// Sends a packet of our own, at most a few headers, to where this one came from. False if
    /// there is no memory or no way.
    ///
    /// # Safety
    ///
    /// The packet must be met in a hook behind its device; `bytes` must begin with a complete network header of the family `v6` says.
    pub(in crate::sys) unsafe fn send_reply(&self, bytes: &[u8], v6: bool) -> bool {
        let len = u32::try_from(bytes.len()).unwrap_or(0);
        // SAFETY: Valid by the type invariant; `len` bytes are read. The rest the caller promises.
        unsafe { c::appex_skb_send_reply(self.skb, bytes.as_ptr().cast(), len, v6) }
    }

    /// Writes the window of the TCP header that begins `offset` bytes from the network header, and mends the checksum. False if
    /// there is no memory for a copy of bytes that are shared. A wrong offset spoils the packet, but nothing beside it.
    pub(in crate::sys) fn set_window(&mut self, offset: u32, window: u16) -> bool {
        // SAFETY: Valid by the type invariant; nobody looks at its bytes, which would borrow it. The callee checks the
        // length and makes a copy of what others share.
        unsafe { c::appex_skb_set_window(self.skb, offset, window) }
    }

    /// Gives a copy to the listeners of an nflog group.
    ///
    /// # Safety
    ///
    /// `state` must be that of the hook in which the packet is met.
    pub(in crate::sys) unsafe fn log(&self, state: *const c::nf_hook_state, group: u16) {
        // SAFETY: Valid by the type invariant, in an RCU read side; the rest the caller promises.
        unsafe { c::appex_skb_log(self.skb, state, group) }
    }

    /// The socket that sends the packet, if it is a TCP stream socket. Its lock may be held by anybody, or nobody.
    pub(in crate::sys) fn unlocked_sender(&self) -> Option<*mut c::sock> {
        // SAFETY: Valid by the type invariant.
        let sk = unsafe { c::appex_skb_full_sk(self.skb) };
        if sk.is_null() {
            return None;
        }
        // SAFETY: A full socket, kept by the packet's reference.
        unsafe { c::appex_sk_is_tcp_stream(sk) }.then_some(sk)
    }

    /// Has a SYN-ACK repeated after `ms` if no answer comes, instead of a
    /// second.
    ///
    /// # Safety
    ///
    /// The packet must be a first SYN-ACK, see [`Packet::is_first_synack`].
    pub(in crate::sys) unsafe fn hasten_synack(&self, ms: u32) {
        // SAFETY: Valid by the type invariant; a first SYN-ACK holds a reference of its request.
        unsafe { c::appex_skb_hasten_synack(self.skb, ms) }
    }

    /// The socket that is sending this packet, if it is a TCP stream socket
    /// with the given local and remote port, whose lock is held.
    ///
    /// # Safety
    ///
    /// The packet must be met in LOCAL_OUT: there a TCP packet of the socket
    /// with these ports, that still has the route its socket lent it (checked
    /// here: nobody has kept it for later), is sent under that socket's
    /// lock, by this very context.
    pub(in crate::sys) unsafe fn sending_socket(
        &self,
        local_port: u16,
        remote_port: u16,
    ) -> Option<Socket<'_>> {
        // SAFETY: Valid by the type invariant.
        let sk = unsafe { c::appex_skb_sending_sk(self.skb) };
        if sk.is_null() {
            return None;
        }
        // SAFETY: A full socket, kept by the packet's reference; the ports are plain words.
        let ports = unsafe { (*sk).__sk_common.__bindgen_anon_3.__bindgen_anon_1 };
        // An outer header (a tunnel, IPsec) or a control socket does not match.
        let matches = ports.skc_num == local_port && u16::from_be(ports.skc_dport) == remote_port;
        // SAFETY: Locked by this context: promised by the caller.
        matches.then(|| unsafe { Socket::from_raw(sk) })
    }
}
