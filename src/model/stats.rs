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

/// What is counted for each address family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Metric {
    /// Flows in the table. A gauge.
    NumOfFlows,
    /// TCP flows in the table. A gauge.
    NumOfTcpFlows,
    /// Accelerated TCP flows. A gauge.
    NumOfAccFlows,
    /// TCP flows that carried data lately. A gauge.
    NumOfActFlows,
    /// Bytes received from the Internet.
    WanInBytes,
    /// Bytes sent to the Internet, retransmissions included.
    WanOutBytes,
    /// Bytes that came from the local stack, each counted once.
    LanInBytes,
    /// Bytes that were given to the local stack.
    LanOutBytes,
}

/// Number of [`Metric`]s.
const METRICS: usize = 8;

impl Metric {
    /// Every metric, in the order of `stats`.
    pub const ALL: [Self; METRICS] = [
        Self::NumOfFlows,
        Self::NumOfTcpFlows,
        Self::NumOfAccFlows,
        Self::NumOfActFlows,
        Self::WanInBytes,
        Self::WanOutBytes,
        Self::LanInBytes,
        Self::LanOutBytes,
    ];

    /// The name in `stats`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NumOfFlows => "NumOfFlows",
            Self::NumOfTcpFlows => "NumOfTcpFlows",
            Self::NumOfAccFlows => "NumOfAccFlows",
            Self::NumOfActFlows => "NumOfActFlows",
            Self::WanInBytes => "WanInBytes",
            Self::WanOutBytes => "WanOutBytes",
            Self::LanInBytes => "LanInBytes",
            Self::LanOutBytes => "LanOutBytes",
        }
    }
}

/// What is counted for all families together. All are cumulative.
///
/// Only `NfBypass` is a name of the original. The others must not match what its scripts look for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// Packets that were left alone because of the short round-trip time of their subnet.
    NfBypass,
    /// Sockets that were given our congestion control.
    SocketsAdopted,
    /// Sockets that got their own congestion control back while they lived.
    SocketsHandedBack,
    /// Sockets that could not be adopted and stayed as they were.
    AdoptFailures,
    /// New flows beyond the session limit that passed untouched.
    OverLimitPassed,
    /// Packets of new flows beyond the session limit that were refused.
    OverLimitRefused,
    /// Packets whose headers were not understood and that passed untouched.
    UnclassifiedPackets,
    /// Values written to `/proc/net/appex` that were refused.
    RejectedWrites,
}

/// Number of [`Event`]s.
const EVENTS: usize = 8;

impl Event {
    /// Every event, in the order of `stats`.
    pub const ALL: [Self; EVENTS] = [
        Self::NfBypass,
        Self::SocketsAdopted,
        Self::SocketsHandedBack,
        Self::AdoptFailures,
        Self::OverLimitPassed,
        Self::OverLimitRefused,
        Self::UnclassifiedPackets,
        Self::RejectedWrites,
    ];

    /// The name in `stats`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NfBypass => "NfBypass",
            Self::SocketsAdopted => "SocketsAdopted",
            Self::SocketsHandedBack => "SocketsHandedBack",
            Self::AdoptFailures => "AdoptFailures",
            Self::OverLimitPassed => "OverLimitPassed",
            Self::OverLimitRefused => "OverLimitRefused",
            Self::UnclassifiedPackets => "UnclassifiedPackets",
            Self::RejectedWrites => "RejectedWrites",
        }
    }
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
