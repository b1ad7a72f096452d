// SPDX-License-Identifier: GPL-2.0

//! The table of all settings.
//!
//! The order of the table is the order of the lines in `cmd` and of the reference tables.

use super::{pack, Effect, Initial, Kind, Place, Slot, Spec, EMPTY};

/// Kilobits per second: up to 4 Tbit/s, above any interface the kernel can drive.
const KBPS: Kind = uint(0, u32::MAX as u64);
/// A burst or queue in bytes: up to 4 GB.
const BYTES: Kind = uint(0, u32::MAX as u64);
/// A timer in milliseconds: up to the largest retransmission timeout of Linux, 120 s.
const TIMER_MS: Kind = uint(0, 120_000);
/// A number of packets in an initial window. Linux counts windows in 32 bits, but a first burst of
/// more than 65,535 packets (95 MB) would be a mistake.
const INITIAL_CWND: Kind = uint(1, 65_535);
/// A congestion window or threshold in packets: 2^30 - 1 at 1,448 bytes is more than a terabyte in
/// flight, and leaves room to double it in 32 bits.
const WINDOW: Kind = uint(0, 0x3fff_ffff);

const fn uint(min: u32, max: u64) -> Kind {
    Kind::Uint { min, max }
}

/// Declares the scalar settings: enum [`Key`] and the matching part of the table.
macro_rules! scalars {
    ($($key:ident = $place:ident $name:literal, $kind:expr, $default:expr, $effect:ident,
       $doc:literal;)*) => {
        /// A setting that is kept in one `u64` slot.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Key { $(#[doc = $doc] $key,)* }

        /// Every scalar key, in slot order.
        const KEYS: [Key; SCALARS] = [$(Key::$key,)*];

        /// Number of scalar slots.
        pub const SCALARS: usize = [$($name,)*].len();

        static SCALAR_SPECS: [Spec; SCALARS] = [$(Spec {
            name: $name,
            place: Place::$place,
            kind: $kind,
            slot: Slot::Scalar(Key::$key),
            default: Initial::Scalar($default),
            writable: true,
            effect: Effect::$effect,
            doc: $doc,
        },)*];
    };
}

/// Bit of `tcpFlags` that makes the conservative mode a strong one (configuration key `highcsv`).
pub const FLAG_HIGH_CONSERV: u64 = 0x4000;

/// Bit of `tcpFlags` that switches `shortRttMS` on.
pub const FLAG_SHORT_RTT: u64 = 0x800;

/// Bit of `tcpFlags` that has every acknowledgement believed: no segment is withheld to see who acknowledges what was never sent.
/// None that the original is known to have.
pub const FLAG_BELIEVE: u64 = 0x1000_0000;

scalars! {
    // Files of their own.
    TcpAccEnable = File "tcpAccEnable", Kind::Bool, 1, Active,
        "1 accelerates TCP; 0 hands every accelerated connection back";
    TrackRandomLoss = File "trackRandomLoss", Kind::Bool, 1, Active,
        "1 tells random loss from congestion (configuration key advacc)";
    AdvAccEnable = File "advAccEnable", Kind::Bool, 0, Active,
        "1 steers inbound transfers so that they make no queue on their path (configuration key advinacc)";
    ConservMode = File "conservMode", Kind::Bool, 0, Active,
        "1 is the conservative congestion control mode (configuration key csvmode)";
    SubnetAccEnable = File "subnetAccEnable", Kind::Bool, 0, Active,
        "1 also accelerates peers in the same subnet";
    MaxTxEnable = File "maxTxEnable", Kind::Bool, 0, Active,
        "1 is the maximum transmit mode (configuration key maxmode)";
    ShaperEnable = File "shaperEnable", Kind::Bool, 1, Active,
        "1 keeps interfaces with a shaper to wanKbps; 0 leaves connections to the rates measured for them";
    WanKbps = File "wanKbps", KBPS, 0, Active,
        "outbound rate of each interface with a shaper in kbit/s; 0 is no limit";
    WanInKbps = File "wanInKbps", KBPS, 0, Active,
        "inbound rate of each WAN interface in kbit/s, kept to if shaperEnable is 1; 0 is no limit";
    PcapEnable = File "pcapEnable", Kind::Bool, 0, Active,
        "1 gives packets of accelerated connections to nflog group 24944; lotServer.sh has tcpdump write them to /appex/log";
    ByteCacheEnable = File "byteCacheEnable", Kind::Bool, 0, Stored,
        "two-sided byte cache of the original; there is none, a warning says so";
    DataCompEnable = File "dataCompEnable", Kind::Bool, 0, Stored,
        "two-sided compression of the original; there is none, a warning says so";
    HttpCompEnable = File "httpCompEnable", Kind::Bool, 0, Stored,
        "two-sided HTTP compression of the original; there is none, a warning says so";
    HostFairEnable = File "hostFairEnable", Kind::Bool, 0, Active,
        "1 has the shaper share the rate among destination hosts, then among flows; 0 among flows";
    VoipAccEnable = File "voipAccEnable", Kind::Bool, 0, Stored,
        "router product: VoIP acceleration; only TCP is accelerated here";
    EngSysEnable = File "engSysEnable", Kind::Bool, 0, Stored,
        "optional switch that scripts set to 1; its meaning is not published";
    WanRateAutoDetect = File "wanRateAutoDetect", Kind::Bool, 0, Stored,
        "router product: 1 detects the WAN rate; with shaperEnable 0 each connection measures its own";
    WanBurstBytes = File "wanBurstBytes", BYTES, 0, Stored,
        "router product: outbound burst in bytes; smBurstMin and smBurstMS have that effect";
    WanInBurstBytes = File "wanInBurstBytes", BYTES, 0, Stored,
        "router product: inbound burst in bytes; there is no such limit";
    VoipSkipPackets = File "voipSkipPackets", uint(0, 65_535), 0, Stored,
        "router product: packets before a flow counts as VoIP; flows are not told apart by that";
    HostFairTcpAccSessNum = File "hostFairTcpAccSessNum", uint(0, 16_777_216), 0, Stored,
        "router product: accelerated TCP sessions per host; engine limits sessions, of all hosts together";
    HostFairTcpActSessNum = File "hostFairTcpActSessNum", uint(0, 16_777_216), 0, Stored,
        "router product: active TCP sessions per host; engine limits sessions, of all hosts together";
    HostFairUdpSessNum = File "hostFairUdpSessNum", uint(0, 16_777_216), 0, Stored,
        "router product: UDP sessions per host; engine limits sessions, of all hosts together";
    LogLevel = File "logLevel", uint(0, 7), 6, Active,
        "least important kernel log level that is printed: 3 errors, 4 refused values too, 6 changes too";

    // Lines of `cmd`.
    InitialCwndWan = Cmd "initialCwndWan", INITIAL_CWND, 22, Active,
        "first congestion window towards WAN peers, in packets";
    MaxCwndWan = Cmd "maxCwndWan", WINDOW, 0, Active,
        "largest congestion window towards WAN peers, in packets; 0 is no cap";
    InitialCwndLan = Cmd "initialCwndLan", INITIAL_CWND, 1024, Active,
        "first congestion window towards LAN peers, in packets";
    MaxAdvWinWan = Cmd "maxAdvWinWan", WINDOW, 0, Active,
        "largest advertised window towards accelerated WAN peers, in units of 64 KiB; 0 is no cap";
    MaxAdvWinLan = Cmd "maxAdvWinLan", WINDOW, 60, Active,
        "the same towards accelerated LAN peers";
    MaxTxEffectiveMs = Cmd "maxTxEffectiveMS", uint(0, u32::MAX as u64), 0, Active,
        "how long maximum transmit mode lasts in a connection, in ms; 0 is to its end";
    MaxTxMinSsThresh = Cmd "maxTxMinSsThresh", WINDOW, 1_048_575, Active,
        "lowest slow-start threshold in maximum transmit mode, in packets";
    MaxAccFlowTxKbps = Cmd "maxAccFlowTxKbps", KBPS, 0, Active,
        "rate limit of one accelerated connection in kbit/s; 0 is none";
    BypassOverFlows = Cmd "bypassOverFlows", Kind::Bool, 1, Active,
        "over the session limit: 1 passes new connections untouched, 0 refuses them";
    L2wQLimit = Cmd "l2wQLimit", Kind::Pair { min: 0, max: u32::MAX }, pack(256, 2048), Active,
        "LAN to WAN queue limit in packets, of each queue of the shaper: buffer pool full, buffer pool idle";
    W2lQLimit = Cmd "w2lQLimit", Kind::Pair { min: 0, max: u32::MAX }, pack(256, 2048), Active,
        "packets that a steered inbound flow may have in the queue of its path: memory of TCP short, and otherwise";
    RetranWaitListMs = Cmd "retranWaitListMS", TIMER_MS, 32, Active,
        "how long a packet may be overdue before a timer repeats it, in ms; 18 ms are added, at most 1000 kept";
    HalfCwndMinSRtt = Cmd "halfCwndMinSRtt", TIMER_MS, 500, Active,
        "smoothed round-trip time from which loss may be real congestion, in ms";
    HalfCwndLossRateShift = Cmd "halfCwndLossRateShift", uint(0, 16), 3, Active,
        "loss rate from which loss may be real congestion, as N of 1/2^N (3 is 12.5 %)";
    HalfCwndLowLimit = Cmd "halfCwndLowLimit", WINDOW, 0, Active,
        "window below which that halving stops, in packets";
    TcpOnly = Cmd "tcpOnly", Kind::Bool, 1, Active,
        "1 tracks TCP only; 0 tracks other protocols too, without accelerating them";
    SmBurstMs = Cmd "smBurstMS", uint(0, 10_000), 16, Active,
        "longest burst of the shaper after a pause, in ms of its rate; 0 is off: packets are spaced one by one";
    SmBurstMin = Cmd "smBurstMin", BYTES, 16_000, Active,
        "smallest burst of the shaper in bytes, where smBurstMS makes less";
    SmBurstTolerance = Cmd "smBurstTolerance", BYTES, 32_768, Active,
        "bytes by which a packet may exceed what is left of the burst";
    UltraBoostWin = Cmd "ultraBoostWin", WINDOW, 0, Active,
        "packets beyond the window at the start of a connection and after idling, at most 1024; 0 is none";
    MinSsThresh = Cmd "minSsThresh", Kind::Pair { min: 0, max: 0x3fff_ffff }, pack(8, 24), Active,
        "window in packets below which no reduction goes: usually, and on a path that loses at random";
    DbcRttThreshMs = Cmd "dbcRttThreshMS", Kind::OptUint { max: 120_000 }, EMPTY, Active,
        "round trip up to which a queue is not taken for congestion, in ms; empty is unset, more than 65535 counts as that";
    SmMinKbps = Cmd "smMinKbps", Kind::OptUint { max: u32::MAX }, EMPTY, Active,
        "lowest rate of the shaper in kbit/s: a lower wanKbps counts as this; empty is unset";
    Rsc = Cmd "rsc", Kind::Bool, 1, Stored,
        "1 copes with packets merged on receipt (GRO, LRO): always so here; lotServer.sh turns them off with 0";
    Gso = Cmd "gso", Kind::Bool, 1, Stored,
        "1 copes with segmentation offload: always so here; lotServer.sh turns it off with 0";
    TxCongestObey = Cmd "txCongestObey", Kind::Bool, 1, Stored,
        "1 obeys local transmit congestion; always so here: the kernel itself holds back what its queue or card refuses";
    TcpFlags = Cmd "tcpFlags", Kind::Hex { max: u32::MAX }, 0, Active,
        "bit mask: 0x4000 strong conservative mode (highcsv), if conservMode is 1; 0x800 switches shortRttMS on; 0x10000000 believes every acknowledgement: no packet is withheld now and then to see who acknowledges what was never sent";
    TaskSchedDelay = Cmd "taskSchedDelay", Kind::Pair { min: 0, max: 1_000_000 }, pack(100, 100),
        Active,
        "pause between two rounds of housekeeping, in units of 10 ms: while there are flows, while there are none; 20 to 1000 count";
    FlowShortTimeout = Cmd "flowShortTimeout", uint(100, 86_400_000), 30_000, Active,
        "idle time after which a short-lived flow is forgotten, in ms";
    ShrinkPacket = Cmd "shrinkPacket", Kind::Bool, 0, Active,
        "1 has applications wait while an accelerated connection has 128 KiB queued that were not sent yet: less memory, more work";
    Ipv4Only = Cmd "ipv4Only", Kind::Bool, 0, Active,
        "1 handles IPv4 only";
    Ipv6Only = Cmd "ipv6Only", Kind::Bool, 0, Active,
        "1 handles IPv6 only; with ipv4Only=1 too, nothing is handled";
    ShortRttMs = Cmd "shortRttMS", uint(0, 60_000), 0, Active,
        "a subnet (/24, /64) with a peer nearer than this, in ms, is not accelerated from then on; 0, or 0x800 missing in tcpFlags, is off";
    SynRetranMs = Cmd "synRetranMS", TIMER_MS, 0, Active,
        "wait before a SYN or SYN-ACK is sent again, in ms; 0 follows the path, if known";
    MpoolMaxCache = Cmd "mpoolMaxCache", uint(0, 1 << 40), 245_600_000, Stored,
        "memory kept for reuse after connections end, in bytes; none is kept here";
    LttMaxDelayMs = Cmd "lttMaxDelayMS", TIMER_MS, 0, Stored,
        "delay of the round-trip tunnel of the original, in ms; there is no such tunnel";
    Engine = Cmd "engine", Kind::Pair { min: 1, max: 16_777_216 }, pack(262_144, 262_144), Active,
        "session limit of this engine, and the part of it that may be accelerated";
    DisplayLevel = Cmd "displayLevel", uint(0, 255), 0, Stored,
        "detail of stats in the original; all counters are always shown";
    WanState = Cmd "wanState", uint(0, u32::MAX as u64), 0, Stored,
        "WAN state word of the original, whose meaning is not published";
}

/// Declares the settings kept as text: enum [`TextKey`] and the matching part of the table.
macro_rules! texts {
    ($($key:ident = $place:ident $name:literal, $kind:expr, $effect:ident, $doc:literal;)*) => {
        /// A setting that is kept as text.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum TextKey { $(#[doc = $doc] $key,)* }

        /// Number of text settings.
        pub const TEXTS: usize = [$($name,)*].len();

        static TEXT_SPECS: [Spec; TEXTS] = [$(Spec {
            name: $name,
            place: Place::$place,
            kind: $kind,
            slot: Slot::Text(TextKey::$key),
            default: Initial::None,
            writable: true,
            effect: Effect::$effect,
            doc: $doc,
        },)*];
    };
}

texts! {
    WanIf = File "wanIf", Kind::Interfaces, Active,
        "WAN interfaces: names and patterns; write +name, -name, a whole list, or nothing to detach all";
    LanIf = File "lanIf", Kind::Interfaces, Active,
        "LAN interfaces, written like wanIf: never attached, whatever wanIf says";
    LanSegment = Cmd "lanSegment", Kind::LanSegments, Active,
        "IPv4 networks on the LAN side, which are not accelerated";
    LanSegmentV6 = Cmd "lanSegmentV6", Kind::LanSegmentsV6, Active,
        "IPv6 networks on the LAN side, which are not accelerated";
    UdpTun = Cmd "udptun", Kind::Text { max: 255 }, Stored,
        "UDP tunnel description of the original; here name the tunnel's own interface in wanIf";
    ShortRttBypass = Cmd "shortRttBypass", Kind::AccRules, Active,
        "networks that are always (after acc) or never (after noacc) accelerated, whatever their round-trip time";
    PcapFilterSplit = Cmd "pcapFilterSplit", Kind::Text { max: 255 }, Stored,
        "capture filter of the original, in a syntax that is not published; filter when reading";
    P2pPriorities = Cmd "p2pPriorities", Kind::Text { max: 255 }, Stored,
        "peer-to-peer priorities of the original, in a syntax that is not published";
}

const fn special(name: &'static str, writable: bool, doc: &'static str) -> Spec {
    Spec {
        name,
        place: Place::File,
        kind: Kind::Info,
        slot: Slot::Special,
        default: Initial::None,
        writable,
        effect: Effect::Active,
        doc,
    }
}

static SPECIAL_SPECS: [Spec; 9] = [
    special("cmd", true, "the settings that have no file of their own"),
    special("stats", false, "counters, one NAME = NUMBER a line"),
    special(
        "flows",
        true,
        "one line a flow of this engine; write a filter",
    ),
    special(
        "rules",
        true,
        "rules by peer, port and control group, of all engines; write +RULE, -RULE, or a whole list",
    ),
    special("version", false, "version of the module"),
    special("engine", false, "number of this engine, and of all engines"),
    special("hz", false, "timer ticks per second of the kernel"),
    special(
        "ioctl",
        false,
        "number of ioctl commands, which is 0: settings are files only",
    ),
    special(
        "byteCacheIoFails",
        false,
        "failures of the byte cache, which is 0: there is none",
    ),
];

impl Key {
    /// Position of the key's slot, below [`SCALARS`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The key whose slot is at `index`.
    pub fn from_index(index: usize) -> Option<Self> {
        KEYS.get(index).copied()
    }

    /// Description of the setting.
    pub fn spec(self) -> &'static Spec {
        // The table is made from the same list as the enum, so the first entry is never used.
        SCALAR_SPECS.get(self.index()).unwrap_or(&SCALAR_SPECS[0])
    }
}

impl TextKey {
    /// Position of the key's text, below [`TEXTS`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Description of the setting.
    pub fn spec(self) -> &'static Spec {
        // The table is made from the same list as the enum, so the first entry is never used.
        TEXT_SPECS.get(self.index()).unwrap_or(&TEXT_SPECS[0])
    }
}

/// Every file and `cmd` key.
pub fn specs() -> impl Iterator<Item = &'static Spec> {
    SCALAR_SPECS.iter().chain(&TEXT_SPECS).chain(&SPECIAL_SPECS)
}

/// Every file of `/proc/net/appex`, the special ones included.
pub fn file_specs() -> impl Iterator<Item = &'static Spec> {
    specs().filter(|spec| spec.place == Place::File)
}

/// Every key of `cmd`, in the order of its lines.
pub fn cmd_specs() -> impl Iterator<Item = &'static Spec> {
    specs().filter(|spec| spec.place == Place::Cmd)
}

/// Finds the file `name`.
pub fn lookup_file(name: &[u8]) -> Option<&'static Spec> {
    file_specs().find(|spec| spec.name.as_bytes() == name)
}

/// Finds the key `name` of `cmd`.
pub fn lookup_cmd(name: &[u8]) -> Option<&'static Spec> {
    cmd_specs().find(|spec| spec.name.as_bytes() == name)
}

/// What every scalar slot starts with, in slot order.
pub fn defaults() -> impl Iterator<Item = (Key, u64)> {
    SCALAR_SPECS
        .iter()
        .filter_map(|spec| match (spec.slot, spec.default) {
            (Slot::Scalar(key), Initial::Scalar(value)) => Some((key, value)),
            _ => None,
        })
}
