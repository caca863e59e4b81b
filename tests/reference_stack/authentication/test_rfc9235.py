"""TCP-AO against the vectors that RFC 9235 published: key derivation, and MACs of whole packets."""

import pytest

from reference_stack.authentication.algorithms import AO_ALGORITHMS, Isns, Path, context_of
from reference_stack.authentication.keys import AoKey
from reference_stack.authentication.signing import ao_mac, is_ao_valid
from tests.reference_stack.authentication.vectors import CLIENT_ID, OPENINGS, PACKETS, SECRET, SERVER_ID, Opening
from wire.options import Ao, Timestamps
from wire.packet import parse_packet
from wire.tcp import SYN, TcpSegment


def key_of(opening: Opening, network: str) -> AoKey:
    return AoKey(
        network,
        SECRET,
        send_id=CLIENT_ID,
        recv_id=SERVER_ID,
        algorithm=opening.algorithm,
        covers_options=opening.covers_options,
    )


def blank(opening: Opening, *, from_client: bool) -> TcpSegment:
    ports = (opening.port, 179) if from_client else (179, opening.port)
    return TcpSegment(*ports, 0, 0, SYN, 0)


@pytest.mark.parametrize("section", OPENINGS)
def test_all_three_traffic_keys_of_a_connection_are_derived(section: str) -> None:
    opening = OPENINGS[section]
    out, back = Path(opening.client, opening.server), Path(opening.server, opening.client)
    derive = AO_ALGORITHMS[opening.algorithm].kdf
    client, server = blank(opening, from_client=True), blank(opening, from_client=False)
    keys = (
        derive(SECRET, context_of(client, out, Isns(opening.client_isn, 0))),
        derive(SECRET, context_of(server, back, Isns(opening.server_isn, opening.client_isn))),
        derive(SECRET, context_of(client, out, Isns(opening.client_isn, opening.server_isn))),
    )
    assert tuple(key.hex() for key in keys) == (opening.syn_key, opening.server_key, opening.client_key)


def read(section: str) -> tuple[TcpSegment, Path, Isns, AoKey]:
    opening = OPENINGS[section.rpartition(".")[0]]
    packet = parse_packet(bytes.fromhex(PACKETS[section]))
    segment = packet.body
    assert isinstance(segment, TcpSegment)
    isns = {
        "1": Isns(opening.client_isn, 0),
        "2": Isns(opening.server_isn, opening.client_isn),
        "3": Isns(opening.client_isn, opening.server_isn),
        "4": Isns(opening.server_isn, opening.client_isn),
    }[section[-1]]
    return segment, Path(packet.ip.src, packet.ip.dst), isns, key_of(opening, packet.ip.src)


@pytest.mark.parametrize("section", PACKETS)
def test_the_mac_of_a_published_packet_is_computed(section: str) -> None:
    segment, path, isns, key = read(section)
    option = next(each for each in segment.options if isinstance(each, Ao))
    assert {option.key_id, option.rnext_key_id} == {CLIENT_ID, SERVER_ID}
    assert ao_mac(key.functions, key, segment, path, isns=isns, sne=0).hex() == option.mac.hex()


@pytest.mark.parametrize("section", PACKETS)
def test_a_published_packet_is_valid_until_an_octet_changes(section: str) -> None:
    segment, path, isns, key = read(section)
    assert is_ao_valid(segment, path, key, isns=isns, sne=0)
    assert not is_ao_valid(segment._replace(window=segment.window ^ 1), path, key, isns=isns, sne=0)
    assert not is_ao_valid(segment, path, key, isns=isns, sne=1)


@pytest.mark.parametrize("section", ["4.1.3", "4.2.3"])
def test_options_are_covered_only_where_the_key_says_so(section: str) -> None:
    # RFC 5925, 3.1: the TCP option flag of a master key tuple.
    segment, path, isns, key = read(section)
    options = segment.options
    changed = segment._replace(options=(*options[:2], Timestamps(1, 2), *options[3:]))
    assert is_ao_valid(changed, path, key, isns=isns, sne=0) is not key.covers_options
