// SPDX-License-Identifier: GPL-2.0

//! Counters of an engine and the text of the file `stats`.
//!
//! Existing scripts take every line that contains `Bytes`, `NumOf…Flows` or `NfBypass`, remove all
//! blanks and evaluate the rest as a shell assignment. So each line is exactly `Name = 123`.
//!
//! Flow and byte counters are kept per address family only; the plain names are sums, made when the
//! text is written. That saves a second increment per packet and keeps the three rows consistent.

use super::units::Family;
use core::fmt;

/// Declares an enum of counters with their number, names and meanings.
macro_rules! counters {
    ($(#[$meta:meta])* $enum:ident, $number:ident; $($name:ident: $doc:literal;)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $enum { $(#[doc = $doc] $name,)* }

        const $number: usize = [$($doc,)*].len();

        impl $enum {
            /// All of them, in the order of `stats`.
            pub const ALL: [Self; $number] = [$(Self::$name,)*];

            /// The name in `stats`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it counts.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }
        }
    };
}

counters! {
    /// What is counted for each address family.
    Metric, METRICS;
    NumOfFlows: "flows in the table, now";
    NumOfTcpFlows: "TCP flows in the table, now";
    NumOfAccFlows: "accelerated TCP flows, now";
    NumOfActFlows: "TCP flows that carried data in the last 10 s";
    WanInBytes: "bytes received by WAN interfaces";
    WanOutBytes: "bytes sent by WAN interfaces, retransmissions included";
    LanInBytes: "bytes from the local stack or network to WAN interfaces, retransmissions not included";
    LanOutBytes: "bytes from WAN interfaces to the local stack or network";
}

counters! {
    /// What is counted for all families together. All are cumulative.
    ///
    /// Only `NfBypass` is a name of the original. The others must not match what its scripts look
    /// for.
    Event, EVENTS;
    NfBypass: "packets that were left alone because of the short round-trip time of their subnet";
    SocketsAdopted: "sockets that were given our congestion control";
    SocketsHandedBack: "sockets that got their own congestion control back while they lived";
    AdoptFailures: "sockets that could not be adopted and stayed as they were";
    OverLimitPassed: "packets of flows beyond the session limit that passed untouched";
    OverLimitRefused: "first packets of connections beyond the session limit that were refused (bypassOverFlows)";
    SocketsBounded: "connections whose peer acknowledged what was never sent, so that they have ten packets at a time for good";
    WithheldPackets: "packets that were not sent, once, to see whether the peer acknowledges them";
    CopiedPackets: "packets sent twice because the path is known to lose and a timer would have to notice their loss";
    QueueDrops: "packets dropped by the shaper because its queue was full or stood too long";
    QueueMarks: "packets marked by the shaper (ECN) because their queue stood too long";
    LoweredWindows: "packets whose window was written smaller to slow an inbound transfer down";
    ThinnedAcks: "acknowledgements that waited in the shaper and were replaced by later ones (advinacc)";
    UnclassifiedPackets: "packets whose headers were not understood and that passed untouched";
    RejectedWrites: "values written to /proc/net/appex that were refused";
}

/// A counter that is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counter {
    /// A metric of one address family.
    Of(Family, Metric),
    /// An event.
    Event(Event),
}

/// Number of counters that are kept; size of the array of counters of one CPU.
pub const COUNTERS: usize = 2 * METRICS + EVENTS;

impl Counter {
    /// Position of the counter, below [`COUNTERS`].
    pub const fn index(self) -> usize {
        match self {
            // OVERFLOW: at most 3 * 8, from the sizes above.
            Self::Of(Family::V4, metric) => metric as usize,
            Self::Of(Family::V6, metric) => (metric as usize).wrapping_add(METRICS),
            Self::Event(event) => (event as usize).wrapping_add(2 * METRICS),
        }
    }
}

/// Writes the text of `stats`.
///
/// `get` gives the value of a counter, summed over the CPUs of the engine. It is called once for
/// each counter, so the sums agree with the rows of the families even while they change.
pub fn render(get: impl Fn(Counter) -> u64, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
    let rows = Metric::ALL.map(|metric| {
        let of = |family| get(Counter::Of(family, metric));
        (metric, of(Family::V4), of(Family::V6))
    });
    for (metric, v4, v6) in &rows {
        line(out, "", metric.name(), v4.wrapping_add(*v6))?;
    }
    for (metric, v4, _) in &rows {
        line(out, "V4", metric.name(), *v4)?;
    }
    for (metric, _, v6) in &rows {
        line(out, "V6", metric.name(), *v6)?;
    }
    for event in Event::ALL {
        line(out, "", event.name(), get(Counter::Event(event)))?;
    }
    Ok(())
}

fn line(out: &mut (impl fmt::Write + ?Sized), prefix: &str, name: &str, value: u64) -> fmt::Result {
    writeln!(out, "{prefix}{name} = {value}")
}

/// Adds up the parts of a counter that the CPUs of an engine keep.
///
/// A flow may be counted on one CPU and forgotten on another, so the part of a gauge may go below
/// zero. It wraps then, and the wrapping sum of all parts is right. The parts are read one after
/// the other, so the sum may for a moment come out below zero; that is shown as zero.
pub fn sum(parts: impl Iterator<Item = u64>) -> u64 {
    let sum = parts.fold(0, u64::wrapping_add);
    if sum > i64::MAX as u64 {
        return 0;
    }
    sum
}

#[cfg(test)]
mod tests;
