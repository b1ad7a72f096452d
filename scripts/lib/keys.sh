# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Every key of /appex/etc/config: its kind (see check.sh), where it goes and
# its default.
#
#   file:NAME   written to the file NAME of every engine
#   cmd:NAME    written as "NAME: value" to the file cmd of every engine
#   script      used by lotServer.sh itself
#   ignored     of the original's licence, daemon, two-sided or user-mode parts:
#               accepted with any value, without effect
#
# Every key has a default, so that a line taken out of the configuration takes
# effect at the next reload. Defaults and ranges are those of the engine (its
# settings registry), where the original's shipped config has none of its own.

declare -gA KEY_KIND=() KEY_TARGET=() KEY_DEFAULT=()
declare -ga KEY_ORDER=()

# Old names of a key, still found in configurations.
declare -gA KEY_ALIAS=(
	[byteCache]=byteCacheEnable
	[dataComp]=dataCompEnable
	[httpComp]=httpCompEnable
)

# Keys that are kept and change nothing, and why. Of the others of the original that
# are "ignored" below, check names those that are given.
declare -gA KEY_WHY=(
	[byteCacheEnable]='this version has no two-sided cache'
	[dataCompEnable]='this version has no two-sided compression'
	[httpCompEnable]='this version has no two-sided compression'
	[voipAccEnable]='of the router product; only TCP is accelerated'
	[txCongestObey]='the kernel itself holds back what its queue or card refuses'
	[mpoolMaxCache]='no memory is kept after connections end'
	[lttMaxDelayMS]='there is no round-trip tunnel'
	[udptun]="name the tunnel's own interface in accif"
	[detectInterrupt]='a packet is handled by the processor on which it is met'
)

# key NAME KIND TARGET [DEFAULT]
key() {
	KEY_ORDER+=("$1")
	KEY_KIND[$1]=$2
	KEY_TARGET[$1]=$3
	KEY_DEFAULT[$1]=${4-}
}

# --- interfaces and main switches
key accif                 ifs                    script
key lanif                 ifs                    script
key acc                   bool                   file:tcpAccEnable          1
key advacc                bool                   file:trackRandomLoss       1
key advinacc              bool                   file:advAccEnable          0
key csvmode               bool                   file:conservMode           0
key highcsv               bool                   script                     0
key subnetAcc             bool                   file:subnetAccEnable       0
key maxmode               bool                   file:maxTxEnable           0
key shaperEnable          bool                   file:shaperEnable          1
key wankbps               int:0:4294967295:kbit/s,_0_for_none file:wanKbps               0
key waninkbps             int:0:4294967295:kbit/s,_0_for_none file:wanInKbps             0
key pcapEnable            bool                   file:pcapEnable            0
key byteCacheEnable       bool                   file:byteCacheEnable       0
key dataCompEnable        bool                   file:dataCompEnable        0
key httpCompEnable        bool                   file:httpCompEnable        0
key hostFairEnable        bool                   file:hostFairEnable        0
key voipAccEnable         bool                   file:voipAccEnable         0

# --- cmd: windows and limits
key initialCwndWan        int:1:65535:packets    cmd:initialCwndWan         22
key maxCwndWan            int:0:1073741823:packets cmd:maxCwndWan             0
key initialCwndLan        int:1:65535:packets    cmd:initialCwndLan         1024
key maxAdvWinWan          int:0:1073741823:64_KiB cmd:maxAdvWinWan           0
key maxAdvWinLan          int:0:1073741823:64_KiB cmd:maxAdvWinLan           60
key maxTxEffectiveMS      int:0:4294967295:ms    cmd:maxTxEffectiveMS       0
key maxTxMinSsThresh      int:0:1073741823:packets cmd:maxTxMinSsThresh       1048575
key maxAccFlowTxKbps      int:0:4294967295:kbit/s cmd:maxAccFlowTxKbps       0
key bypassOverFlows       bool                   cmd:bypassOverFlows        1
key l2wQLimit             pair:0:4294967295      cmd:l2wQLimit              '256 2048'
key w2lQLimit             pair:0:4294967295      cmd:w2lQLimit              '256 2048'
key minSsThresh           pair:0:1073741823      cmd:minSsThresh            '8 24'
key ultraBoostWin         int:0:1073741823:packets cmd:ultraBoostWin          0
key mpoolMaxCache         int:0:1099511627776:bytes cmd:mpoolMaxCache          245600000

# --- cmd: loss, delay, timing
key retranWaitListMS      int:0:120000:ms        cmd:retranWaitListMS       32
key synRetranMS           int:0:120000:ms        cmd:synRetranMS            0
key halfCwndMinSRtt       int:0:120000:ms        cmd:halfCwndMinSRtt        500
key halfCwndLossRateShift int:0:16:N_of_1/2^N    cmd:halfCwndLossRateShift  3
key halfCwndLowLimit      int:0:1073741823:packets cmd:halfCwndLowLimit       0
key txCongestObey         bool                   cmd:txCongestObey          1
key smBurstMS             int:0:10000:ms         cmd:smBurstMS              16
key smBurstMin            int:0:4294967295:bytes cmd:smBurstMin             16000
key smBurstTolerance      int:0:4294967295:bytes cmd:smBurstTolerance       32768
key smMinKbps             int:0:4294967295:kbit/s cmd:smMinKbps              ''
key dbcRttThreshMS        int:0:120000:ms        cmd:dbcRttThreshMS         ''
key taskSchedDelay        pair:0:1000000         cmd:taskSchedDelay         '100 100'
key flowShortTimeout      int:100:86400000:ms    cmd:flowShortTimeout       30000
key lttMaxDelayMS         int:0:120000:ms        cmd:lttMaxDelayMS          0

# --- cmd: which traffic
key tcpOnly               bool                   cmd:tcpOnly                1
key ipv4Only              bool                   cmd:ipv4Only               0
key ipv6Only              bool                   cmd:ipv6Only               0
key lanSegment            segments4              cmd:lanSegment             ''
key lanSegmentV6          segments6              cmd:lanSegmentV6           ''
key udptun                text                   cmd:udptun                 ''
key shortRttMS            int:0:60000:ms         cmd:shortRttMS             0
key shortRttBypass        accrules               cmd:shortRttBypass         ''
key tcpFlags              flags                  cmd:tcpFlags               0x0

# --- offloads and memory
key gso                   bool                   cmd:gso                    1
key rsc                   bool                   cmd:rsc                    1
key shrinkPacket          bool                   cmd:shrinkPacket           0
key nic_offload           bool                   script                     0
key txcsum                int:0:2                script                     0
key rxcsum                int:0:2                script                     0
key shrinkOSWmem          shrink                 script                     '0 0'
key shrinkOSWmemValue     triple                 script                     '4096 16384 32768'
key shrinkOSWmemMax       int:2048:2147483647:bytes script                     32768
key dropCache             int:0:100              script                     0

# --- loading
key engineNum             int:0:4096             script                     0
key cpuID                 cpus                   script                     ''
key configTimeout         int:1:3600:s           script                     30
key modulePath            path                   script                     ''
key ipTxHookPri           priority               script                     ''
key ipRxHookPri           priority               script                     ''
key ipv6TxHookPri         priority               script                     ''
key ipv6RxHookPri         priority               script                     ''
key afterLoad             path                   script                     "$APPEX_ROOT/bin/afterLoad"
key accppp                bool                   script                     0
key pppup                 path                   script                     ''
key pppdown               path                   script                     ''

# --- accepted, without effect. pmtu keeps the original's rule (empty or 0).
key detectInterrupt       bool                   ignored
key pmtu                  pmtu                   ignored
for name in packetWrapper ipHooks ipv6Hooks byteCacheMemory byteCacheDisk \
	diskDev rttko rttListenPort usermode licenseGen checkLicense accpath \
	apxexe apxlic serial email installerID updatedAt p2pPriorities; do
	key "$name" any ignored
done
unset name
