"""Accurate ECN (RFC 9768): every CE mark is counted and fed back, not one a round trip.

It is negotiated by three flags of the SYN. Then the flags AE, CWR and ECE hold the low bits of the number of CE marks
that arrived (ACE), and an option has the octets that arrived with each codepoint. What was negotiated stays.
"""

from typing import TYPE_CHECKING

from reference_stack.policies.ecn import CE, ECT_0, NOT_ECT, Ecn
from reference_stack.states import State
from wire.options import AccEcn
from wire.tcp import ACK, AE, CWR, ECE, SYN

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

ECT_1 = 1
ACE = AE | CWR | ECE
ASKS_ACCURATE = frozenset({3})
ANSWERS_ACCURATE = frozenset({3, 4, 5})
"""Values of ``settings.ecn``: as client, as server."""

_FLAGS_OF_CODEPOINT = {NOT_ECT: CWR, ECT_1: CWR | ECE, ECT_0: AE, CE: AE | CWR}
"""How the handshake feeds back the IP-ECN field of the other's SYN (table 2, and table 3 for the last ACK)."""
_CODEPOINT_OF_FLAGS = {flags: codepoint for codepoint, flags in _FLAGS_OF_CODEPOINT.items()}
_CLASSIC_SYN = CWR | ECE
_CEP_MODULUS = 8
_BYTES_MODULUS = 1 << 24
_INITIAL = {ECT_0: 1, CE: 0, ECT_1: 1}
"""3.2.1: counters of octets begin so that zeroing by a middlebox shows."""
_ORDER_0 = (ECT_0, CE, ECT_1)
_ORDER_1 = (ECT_1, CE, ECT_0)
_FIRST_OPTIONS = 2
"""3.2.3.2.2: besides the SYN-ACK, the first ACK and the first data segment carry all counters."""
_SYN_TRIES = 2
"""3.1.4: the first retransmission of a SYN still asks for it."""


def ace_of(flags: int) -> int:
    """Return the three flags as a number, AE the highest."""
    return bool(flags & AE) << 2 | bool(flags & CWR) << 1 | bool(flags & ECE)


def flags_of_ace(ace: int) -> int:
    """Return the flags that show a number of three bits."""
    return AE * bool(ace & 4) | CWR * bool(ace & 2) | ECE * bool(ace & 1)


class AccurateEcn(Ecn):
    """Accurate ECN where ``settings.ecn`` says so and the peer has it, else what `Ecn` does."""

    __slots__ = (
        "_changed",
        "_first_options",
        "_is_ace_of_handshake_due",
        "_is_option_trusted",
        "_last_codepoint",
        "_may_send_ect",
        "_pending_marks",
        "_syn_codepoint",
        "_synacks",
        "is_accurate",
        "peer_bytes",
        "peer_cep",
        "received_bytes",
        "received_cep",
    )

    def __init__(self) -> None:
        super().__init__()
        self.is_accurate = False
        self.received_cep = 5
        """r.cep: CE-marked packets that arrived, from 5 on (3.2.1)."""
        self.received_bytes = dict(_INITIAL)
        """r.e0b, r.ceb, r.e1b by codepoint: octets of payload that arrived."""
        self.peer_cep = 5
        """s.cep: what the peer told of our packets."""
        self.peer_bytes = dict(_INITIAL)
        self._may_send_ect = True
        self._syn_codepoint = NOT_ECT
        self._is_ace_of_handshake_due = False
        self._is_option_trusted = True
        self._first_options = 0
        self._changed: set[int] = set()
        self._last_codepoint: int | None = None
        self._pending_marks = 0
        self._synacks = 0

    # --- negotiation -------------------------------------------------------------------------------------------------

    def syn_flags(self, connection: "ConnectionCore") -> int:
        """Return the flags of a SYN: all three, on the first and on its first retransmission (3.1.1, 3.1.4)."""
        if connection.settings.ecn not in ASKS_ACCURATE:
            return super().syn_flags(connection)
        return ACE if connection.syn_retransmissions < _SYN_TRIES else 0

    def synack_flags(self, connection: "ConnectionCore") -> int:
        """Return the flags of a SYN-ACK: the codepoint of the SYN (table 2); none from the third one on (3.2.3.2.2)."""
        if not self.is_accurate:
            return super().synack_flags(connection)
        self._synacks += 1
        if self._synacks > _SYN_TRIES:
            # 3.1.5: after a SYN-ACK without the flags this end does not send ECT.
            self._may_send_ect = False
            return 0
        return _FLAGS_OF_CODEPOINT[self._syn_codepoint]

    def on_syn(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Read the peer's SYN or SYN-ACK."""
        flags = arrival.flags & ACE
        if arrival.flags & ACK:
            self._on_synack(connection, arrival, flags)
            return
        if connection.settings.ecn in ANSWERS_ACCURATE and flags not in (0, _CLASSIC_SYN):
            # 3.1.3: any other combination of a SYN counts as a request.
            self._begin(connection, arrival.ecn)
        else:
            super().on_syn(connection, arrival)

    def _on_synack(self, connection: "ConnectionCore", arrival: "Arrival", flags: int) -> None:
        """Table 2, what the client makes of the answer."""
        if connection.settings.ecn not in ASKS_ACCURATE:
            super().on_syn(connection, arrival)
            return
        if flags in (0, ACE):
            # 3.1.2: a reflected request comes from a broken server.
            return
        if flags == ECE:
            connection.tcb.has_ecn = connection.syn_retransmissions < _SYN_TRIES
            return
        self._begin(connection, arrival.ecn)
        self._is_ace_of_handshake_due = True
        if arrival.ecn == CE:
            self.received_cep += 1
        self._check_path(_CODEPOINT_OF_FLAGS.get(flags))
        self._read_option(arrival)
        if connection.syn_retransmissions >= _SYN_TRIES:
            self._may_send_ect = False

    def _begin(self, connection: "ConnectionCore", codepoint: int) -> None:
        self.is_accurate = connection.tcb.has_ecn = True
        self._syn_codepoint = self._last_codepoint = codepoint
        self._first_options = _FIRST_OPTIONS

    def _check_path(self, codepoint: int | None) -> None:
        """3.2.2.3: SYN and SYN-ACK leave without ECT, so that anything else was written by the path: send no ECT."""
        if codepoint not in (NOT_ECT, None):
            self._may_send_ect = False

    def on_syn_again(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """In SYN-RECEIVED the peer's SYN came again; tell whether it fits the first one (3.1.5)."""
        flags = arrival.flags & ACE
        is_classic = connection.settings.ecn not in ANSWERS_ACCURATE or (not flags and not self.is_accurate)
        if is_classic or arrival.flags & ACK:
            return super().on_syn_again(connection, arrival)
        if not flags:
            self._may_send_ect = False
            return True
        return (flags == _CLASSIC_SYN) is not self.is_accurate

    def on_handshake_ack(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """The ACK of our SYN-ACK tells with which codepoint that arrived (3.2.2.1, table 4)."""
        if not self.is_accurate or arrival.end > arrival.seq:
            return
        flags = arrival.flags & ACE
        if not flags:
            self._may_send_ect = False
        elif _CODEPOINT_OF_FLAGS.get(flags) == CE:
            self.peer_cep += 1
            connection.counters.delivered_ce += 1
            congestion = connection.congestion
            congestion.on_congestion(flight=congestion.cwnd, now=arrival.now)
            congestion.cwnd = congestion.ssthresh
        else:
            self._check_path(_CODEPOINT_OF_FLAGS.get(flags))

    # --- what arrived ------------------------------------------------------------------------------------------------

    def on_segment(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """Count the mark and the octets of an acceptable segment (3.2.1); SYNs do not count."""
        if not self.is_accurate:
            super().on_segment(connection, arrival)
            return
        if arrival.flags & SYN:
            return
        codepoint, octets = arrival.ecn, len(arrival.segment.payload)
        if codepoint != NOT_ECT and octets:
            self.received_bytes[codepoint] += octets
            self._changed.add(codepoint)
        if codepoint == CE:
            self.received_cep += 1
            self._pending_marks += 1
            # 3.2.2.5.1: at once when marks begin, and for every second marked segment; without data to acknowledge
            # every third, so that two ends do not keep each other busy.
            most = 2 if octets or connection.tcb.rcv_nxt > connection.tcb.last_ack_sent else 3
            is_edge = self._last_codepoint != CE and octets > 0
            if is_edge or self._pending_marks >= most:
                connection.ack_now = True
        self._last_codepoint = codepoint

    # --- what the peer tells -----------------------------------------------------------------------------------------

    def is_congestion_echo(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """Tell whether the acknowledgment reports marks that were not known."""
        if not self.is_accurate:
            return super().is_congestion_echo(connection, arrival)
        if arrival.flags & SYN or connection.tcb.state is State.SYN_RECEIVED or not self._is_new(connection, arrival):
            return False
        marked_octets = self._read_option(arrival)
        marks = (ace_of(arrival.flags) - self.peer_cep) % _CEP_MODULUS
        marks = self._unwrapped(connection, arrival, marks, marked_octets)
        self.peer_cep += marks
        connection.counters.delivered_ce += marks
        return marks > 0

    @staticmethod
    def _is_new(connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """A reordered acknowledgment has an older count."""
        tcb = connection.tcb
        is_later = (
            tcb.has_timestamps
            and arrival.has_timestamps
            and not connection.sequence.timestamp_before(arrival.ts_val, tcb.ts_recent)
        )
        return arrival.ack > tcb.snd_una or (arrival.ack == tcb.snd_una and (bool(arrival.sack_blocks) or is_later))

    @staticmethod
    def _unwrapped(connection: "ConnectionCore", arrival: "Arrival", marks: int, marked_octets: int | None) -> int:
        """3.2.2.5 and appendix A.2: with so many segments acknowledged that the count may have wrapped, suppose it did.

        The option tells better: no marked octets, no wrap.
        """
        newly = sum(1 for segment in connection.scoreboard if segment.end <= arrival.ack)
        if newly < _CEP_MODULUS or marked_octets == 0:
            return marks
        most = newly - (newly - marks) % _CEP_MODULUS
        if marked_octets is None:
            return most
        return min(most, max(marks, -(-marked_octets // connection.tcb.snd_mss)))

    def _read_option(self, arrival: "Arrival") -> int | None:
        """Take in the counters of the option; return how many octets more are marked CE, None when it does not say."""
        option = next((each for each in arrival.segment.options if isinstance(each, AccEcn)), None)
        if option is None or not self._is_option_trusted:
            return None
        marked: int | None = None
        for codepoint, value in zip(_ORDER_1 if option.order else _ORDER_0, option.counters, strict=False):
            if arrival.flags & SYN and codepoint != CE and not value:
                # 3.2.3.2.4: a first value of zero was written by the path.
                self._is_option_trusted = False
                return None
            change = (value - self.peer_bytes[codepoint]) % _BYTES_MODULUS
            if change < _BYTES_MODULUS >> 1:
                self.peer_bytes[codepoint] += change
                marked = change if codepoint == CE else marked
        return marked

    # --- what leaves -------------------------------------------------------------------------------------------------

    def flags(self, connection: "ConnectionCore", *, is_new_data: bool) -> int:
        """Return the ACE field; CWR has no meaning of its own any more (3.1.5)."""
        if not self.is_accurate:
            return super().flags(connection, is_new_data=is_new_data)
        self._pending_marks = 0
        if self._is_ace_of_handshake_due:
            self._is_ace_of_handshake_due = False
            if not is_new_data:
                # 3.2.2.1: the client's ACK of the SYN-ACK tells with which codepoint that arrived.
                return _FLAGS_OF_CODEPOINT[self._syn_codepoint]
        return flags_of_ace(self.received_cep % _CEP_MODULUS)

    def codepoint(self, connection: "ConnectionCore", *, is_new_data: bool) -> int:
        """Return the IP codepoint: ECT(0) on new data, unless the handshake forbids it."""
        return super().codepoint(connection, is_new_data=is_new_data) if self._may_send_ect else NOT_ECT

    def info(self) -> dict[str, int]:
        """Return members of ``TCP_INFO``; there the counters begin with zero."""
        names = ((ECT_0, "e0"), (CE, "ce"), (ECT_1, "e1"))
        members = {f"received_{name}_bytes": self.received_bytes[each] - _INITIAL[each] for each, name in names}
        members |= {f"delivered_{name}_bytes": self.peer_bytes[each] - _INITIAL[each] for each, name in names}
        return members | {"received_ce": self.received_cep - 5}

    def is_option_due(self, connection: "ConnectionCore", *, is_syn: bool = False) -> bool:
        """Tell whether a segment that leaves now should carry the option (3.2.3.3)."""
        if not self.is_accurate or not connection.settings.ecn_option:
            return False
        # 3.2.3.2.2: a repeated SYN-ACK goes without it, in case that the path drops what it does not know.
        return self._synacks <= 1 if is_syn else self._first_options > 0 or bool(self._changed)

    def option(self, *, room: int, is_syn: bool = False) -> AccEcn | None:
        """Return the option for a segment that has `room` octets left for it, or None if there is too little (3.2.3).

        All fields at first, then up to the last that changed. It is shortened, or left out, where SACK blocks need the
        room (3.2.3.3).
        """
        changed = max((_ORDER_0.index(each) + 1 for each in self._changed), default=0)
        count = min(len(_ORDER_0) if is_syn or self._first_options else changed, (room - 2) // 3)
        if count <= 0:
            return None
        if not is_syn:
            self._first_options = max(self._first_options - 1, 0)
            self._changed.clear()
        return AccEcn(0, tuple(self.received_bytes[each] % _BYTES_MODULUS for each in _ORDER_0[:count]))
