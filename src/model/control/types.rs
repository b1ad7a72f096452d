// SPDX-License-Identifier: GPL-2.0

//! What goes into the controller and what comes out: plain numbers only.

use crate::model::memory::Known;

/// State of the kernel's loss recovery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CaState {
    /// Nothing suspicious.
    Open,
    /// Duplicate ACKs or SACKs were seen; loss or reordering.
    Disorder,
    /// Congestion window reduction after an ECN mark or a local drop.
    Cwr,
    /// Fast retransmit is repairing loss.
    Recovery,
    /// A retransmission timeout has fired.
    Loss,
}

/// The kernel's rate sample, if the ACK gave a valid one.
#[derive(Clone, Copy, Debug)]
pub struct RateSample {
    /// Packets delivered over the interval.
    pub delivered: u32,
    /// The longer of the two intervals below, microseconds; not zero.
    pub interval_us: u32,
    /// Time it took to send the delivered packets, microseconds.
    pub snd_interval_us: u32,
    /// Time it took to be told of their delivery, microseconds.
    pub rcv_interval_us: u32,
}

/// One processed ACK, after the kernel has marked losses.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// Time of the ACK, microseconds, monotonic.
    pub now_us: u64,
    /// Round-trip time of the last packet acknowledged, if measured, microseconds.
    pub rtt_us: Option<u32>,
    /// Packets delivered since the start, wraps.
    pub delivered: u32,
    /// `delivered` when the packet now acknowledged was sent; meaningful with a sample only.
    pub prior_delivered: u32,
    /// Rate sample.
    pub sample: Option<RateSample>,
    /// Packets newly acknowledged or selectively acknowledged by this ACK.
    pub acked_sacked: u32,
    /// Packets newly marked lost.
    pub losses: u32,
    /// Packets marked lost since the start, wraps.
    pub lost: u32,
    /// Packets in flight before this ACK.
    pub prior_in_flight: u32,
    /// Packets in flight now.
    pub in_flight: u32,
    /// The sample was taken while the application had nothing to send.
    pub is_app_limited: bool,
    /// The ACK was probably delayed by the receiver.
    pub is_ack_delayed: bool,
    /// Congestion window now in force, packets.
    pub cwnd: u32,
    /// Largest window the socket may use, packets.
    pub cwnd_clamp: u32,
    /// Payload of a full packet, bytes.
    pub mss: u32,
    /// Smoothed round trip, microseconds; zero if not measured.
    pub srtt_us: u32,
    /// Variation of the round trip, microseconds.
    pub rttvar_us: u32,
    /// State of loss recovery.
    pub ca_state: CaState,
    /// Receiver's window, bytes.
    pub snd_wnd_bytes: u32,
    /// Packets sent and not cumulatively acknowledged.
    pub packets_out: u32,
    /// Limit set by the application or administrator, bytes per second.
    pub max_pacing_rate: u64,
    /// Time stamp that the peer put on this ACK (RFC 7323), in its own unit, wraps; `None` without the option.
    pub peer_time: Option<u32>,
}

/// A connection with nothing in flight that is about to send.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// It has sent no data yet, or none has been acknowledged.
    pub is_first: bool,
    /// Congestion window now in force, packets.
    pub cwnd: u32,
    /// Largest window the socket may use, packets.
    pub cwnd_clamp: u32,
    /// Payload of a full packet, bytes.
    pub mss: u32,
    /// Smoothed round trip, microseconds; zero if not measured.
    pub srtt_us: u32,
    /// Receiver's window, bytes.
    pub snd_wnd_bytes: u32,
    /// Limit set by the application or administrator, bytes per second.
    pub max_pacing_rate: u64,
}

/// What the sender shall do from now on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Control {
    /// Congestion window, packets; at least [`MIN_CWND`](super::MIN_CWND) unless a timeout is being repaired.
    pub cwnd: u32,
    /// Pacing rate, payload bytes per second; never zero.
    pub pacing_rate: u64,
    /// New slow-start threshold, packets, for what the kernel shows and hands on.
    pub ssthresh: Option<u32>,
    /// Lower bound of the retransmission timeout's variation term, microseconds.
    pub rto_min_us: Option<u32>,
}

/// Settings of the owner, given with every call so that a change takes effect on live connections.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// First window, packets.
    pub initial_cwnd: u32,
    /// Compensate random loss (`trackRandomLoss`); off, the flow slows down by what it loses.
    pub track_random_loss: bool,
    /// Conservative mode (`conservMode`): smaller window.
    pub conserv_mode: bool,
    /// More of it (`highcsv`, a bit of `tcpFlags`): smaller and rarer probes;
    /// without `conserv_mode` nothing.
    pub high_conserv: bool,
    /// Maximum-transmit mode (`maxTxEnable`): larger window and probes, no back-off for queue delay.
    pub max_tx: bool,
    /// How long `max_tx` lasts for a connection, milliseconds; 0 is for ever.
    pub max_tx_effective_ms: u32,
    /// Slow-start threshold shown in `max_tx`, packets.
    pub max_tx_min_ssthresh: u32,
    /// Smoothed round trip from which on heavy loss is answered classically, milliseconds.
    pub half_cwnd_min_srtt_ms: u32,
    /// Heavy loss is more than one packet in `1 << shift`.
    pub half_cwnd_loss_rate_shift: u8,
    /// Window the classic answer does not go below, packets.
    pub half_cwnd_low_limit: u32,
    /// Window below which neither halving nor a timeout that is over goes, packets (`minSsThresh`, first number).
    pub min_ssthresh: u32,
    /// The same on a path that loses at random (second number).
    pub min_ssthresh_lossy: u32,
    /// How long a packet may be overdue before a timer repeats it, milliseconds (`retranWaitListMS`).
    pub retran_wait_ms: u32,
    /// Packets beyond the window at the start and after idling (`ultraBoostWin`); 0 is none.
    pub ultra_boost: u32,
    /// Largest window, packets; 0 is no limit.
    pub max_cwnd: u32,
    /// Largest rate of the connection, bytes per second; 0 is no limit.
    pub max_rate: u64,
    /// Round trip up to which a queue is not taken for congestion, milliseconds (`dbcRttThreshMS`); 0 is none.
    pub patient_until_ms: u16,
}

impl Default for Settings {
    /// The shipped configuration.
    fn default() -> Self {
        Self {
            initial_cwnd: 22,
            track_random_loss: true,
            conserv_mode: false,
            high_conserv: false,
            max_tx: false,
            max_tx_effective_ms: 0,
            max_tx_min_ssthresh: 1_048_575,
            half_cwnd_min_srtt_ms: 500,
            half_cwnd_loss_rate_shift: 3,
            half_cwnd_low_limit: 8,
            min_ssthresh: 8,
            min_ssthresh_lossy: 24,
            retran_wait_ms: 32,
            ultra_boost: 0,
            max_cwnd: 0,
            max_rate: 0,
            patient_until_ms: 0,
        }
    }
}

/// The connection when it is taken over.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Time, microseconds, same clock as [`Ack::now_us`].
    pub now_us: u64,
    /// Window in force, packets.
    pub cwnd: u32,
    /// Payload of a full packet, bytes.
    pub mss: u32,
    /// Smoothed round trip if measured (the handshake), microseconds.
    pub srtt_us: Option<u32>,
    /// Packets delivered so far, wraps.
    pub delivered: u32,
    /// Packets marked lost so far, wraps.
    pub lost: u32,
    /// What earlier connections have learned about the path.
    pub known: Option<Known>,
}

/// Phase, for display.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Looking for the capacity, growing exponentially.
    Startup,
    /// Emptying the queue, or measuring below capacity.
    Drain,
    /// At capacity.
    Cruise,
    /// Probing for more.
    Probe,
    /// Testing whether loss was our doing.
    Verify,
}

/// A view of the model for `ss -ti` and statistics.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Capacity, payload bytes per second.
    pub bw_bytes_per_s: u64,
    /// Base round trip, microseconds; 0 if unknown.
    pub base_rtt_us: u32,
    /// Pacing gain, 1/256.
    pub pacing_gain_q8: u32,
    /// Window gain, 1/256.
    pub cwnd_gain_q8: u32,
    /// Phase.
    pub mode: Mode,
    /// Random loss rate, 1/65536.
    pub random_loss_q16: u32,
    /// Queue delay, microseconds.
    pub queue_us: u32,
    /// Queue delay from which on a standing queue is believed, microseconds.
    pub queue_threshold_us: u32,
}
