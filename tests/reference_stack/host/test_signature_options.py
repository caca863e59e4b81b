"""TCP_MD5SIG and the options of TCP-AO: values, errnos (measured on Linux 6.18 for the first), and their effect."""

from ipaddress import ip_address
from struct import pack

import pytest

from reference_stack.authentication.algorithms import Path
from reference_stack.authentication.signing import with_md5
from reference_stack.host import Errno
from reference_stack.personality import personality
from tests.reference_stack.host.world import World
from wire import abi
from wire.abi import SOL_TCP
from wire.options import Ao, Md5, Mss
from wire.tcp import TcpSegment


def sockaddr(world: World, host: str) -> bytes:
    if world.kind == "ipv4":
        raw = pack("=H", abi.AF_INET) + bytes(2) + ip_address(host).packed
    else:
        text = f"::ffff:{host}" if world.kind == "mapped" else host
        raw = pack("=H", abi.AF_INET6) + bytes(6) + ip_address(text).packed
    return raw.ljust(128, b"\0")


def md5_value(world: World, key: bytes = b"secret", *, host: str = "", flags: int = 0, prefix: int = 0) -> bytes:
    return sockaddr(world, host or world.remote_ip) + pack("=BBHi80s", flags, prefix, len(key), 0, key)


def put(world: World, fd: int, name: int, value: bytes) -> int:
    result = world.call("setsockopt", fd=fd, level=SOL_TCP, name=name, value=value, size=len(value))
    return result.errno


def ao_value(world: World, send_id: int = 1, recv_id: int = 2, **changes: int | bytes) -> bytes:
    algorithm = changes.pop("algorithm", b"hmac(sha1)")
    key = changes.pop("key", b"secret")
    assert isinstance(key, bytes)
    prefix = changes.pop("prefix", 128 if world.kind == "ipv6" else 32)
    mac, flags = changes.pop("mac", 0), changes.pop("flags", 0)
    tail = pack("=iIHBBBBBB80s", 0, 0, 0, prefix, send_id, recv_id, mac, flags, len(key), key)
    assert not changes
    return sockaddr(world, world.remote_ip) + pack("64s", algorithm) + tail


def test_a_key_is_added_changed_and_taken_away(any_family: World) -> None:
    world, fd = any_family, any_family.socket()
    assert put(world, fd, abi.TCP_MD5SIG, md5_value(world, b"")) == Errno.ENOENT
    assert put(world, fd, abi.TCP_MD5SIG, md5_value(world)) == 0
    assert put(world, fd, abi.TCP_MD5SIG, md5_value(world, b"other")) == 0
    assert put(world, fd, abi.TCP_MD5SIG, md5_value(world, b"")) == 0
    assert put(world, fd, abi.TCP_MD5SIG, md5_value(world, b"")) == Errno.ENOENT


def test_a_malformed_value_is_invalid(world: World) -> None:
    fd = world.socket()
    value = md5_value(world)
    too_long = sockaddr(world, world.remote_ip) + pack("=BBHi80s", 0, 0, 81, 0, b"")
    other_family = pack("=H", abi.AF_INET6) + value[2:]
    for bad in (value[:-1], too_long, other_family, b""):
        assert put(world, fd, abi.TCP_MD5SIG, bad) == Errno.EINVAL
    assert put(world, fd, abi.TCP_MD5SIG, value + b"xx") == 0


def test_a_key_cannot_be_read_back(world: World) -> None:
    fd = world.socket()
    for name in (abi.TCP_MD5SIG, abi.TCP_AO_ADD_KEY):
        arguments = {"fd": fd, "level": SOL_TCP, "name": name, "size": 216, "initial": b""}
        assert world.errno("getsockopt", **arguments) == Errno.ENOPROTOOPT


def test_only_the_extended_option_reads_a_prefix(world: World) -> None:
    fd = world.socket()
    assert put(world, fd, abi.TCP_MD5SIG_EXT, md5_value(world, flags=1, prefix=33)) == Errno.EINVAL
    assert put(world, fd, abi.TCP_MD5SIG, md5_value(world, flags=1, prefix=33)) == 0
    assert put(world, fd, abi.TCP_MD5SIG_EXT, md5_value(world, flags=1, prefix=24)) == 0


@pytest.mark.parametrize("name", ["rfc", "linux"])
def test_a_listener_with_a_key_takes_only_signed_segments_of_that_peer(name: str) -> None:
    world = World(chosen=personality(name))
    listener = world.listen()
    assert put(world, listener, abi.TCP_MD5SIG, md5_value(world)) == 0
    world.inject("S 0:0(0)", options=(Mss(1460),))
    assert world.sent() == []
    syn = TcpSegment(world.remote_port, world.local_port, 0, 0, 2, 65535, options=(Mss(1460),))
    signed = with_md5(syn, Path(world.remote_ip, world.local_ip), b"secret")
    world.inject("S 0:0(0)", options=signed.options)
    (packet,) = world.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    assert [type(option) for option in packet.body.options if isinstance(option, Md5)] == [Md5]
    # Without a timestamp: measured on Linux 6.18, whose SYN-ACK is nop,nop,md5,mss,nop,nop,sackOK,nop,wscale.
    assert [option.kind for option in packet.body.options[:4]] == [1, 1, 19, 2]


def test_a_signed_segment_for_nobody_is_reset_by_the_rfc_and_ignored_by_linux() -> None:
    # RFC 9293, 3.10.7.1 against what Linux 6.18 was measured to do.
    for name, answers in (("rfc", ["R. 0:0(0) ack 1"]), ("linux", [])):
        world = World(chosen=personality(name))
        world.inject("S 0:0(0)", options=(Md5(bytes(16)),))
        assert world.sent() == answers


def test_an_authentication_key_signs_the_syn(any_family: World) -> None:
    world = any_family
    fd = world.nonblocking(world.socket())
    assert put(world, fd, abi.TCP_AO_ADD_KEY, ao_value(world, 7, 9)) == 0
    world.call("connect", fd=fd, address=world.peer_address())
    (packet,) = world.sent_packets()
    assert isinstance(packet.body, TcpSegment)
    (option,) = [option for option in packet.body.options if isinstance(option, Ao)]
    assert (option.key_id, option.rnext_key_id, len(option.mac)) == (7, 9, 12)


@pytest.mark.parametrize(
    ("changes", "errno"),
    [
        ({"algorithm": b"hmac(rot13)"}, Errno.ENOENT),
        ({"prefix": 33}, Errno.EINVAL),
        ({"mac": 21}, Errno.EINVAL),
        ({"flags": 4}, Errno.EINVAL),
        ({"recv_id": 5}, Errno.EEXIST),
        ({"send_id": 5}, Errno.EEXIST),
        ({"send_id": 0, "recv_id": 255, "algorithm": b"cmac(aes128)"}, 0),
    ],
)
def test_limits_of_a_master_key_tuple(world: World, changes: dict[str, int | bytes], errno: int) -> None:
    # linux/tcp.h; RFC 5925, 3.1: identifiers from 0 to 255, no overlap.
    fd = world.socket()
    assert put(world, fd, abi.TCP_AO_ADD_KEY, ao_value(world)) == 0
    assert put(world, fd, abi.TCP_AO_ADD_KEY, ao_value(world, **changes)) == errno  # type: ignore[arg-type]


def test_identifiers_and_counts_of_a_connection_can_be_read_and_keys_deleted_while_it_lives(world: World) -> None:
    # RFC 5925, 7.1: keys are given before and while a connection lives, the identifiers in use can be read.
    fd = world.nonblocking(world.socket())
    assert put(world, fd, abi.TCP_AO_ADD_KEY, ao_value(world, 1, 2)) == 0
    world.call("connect", fd=fd, address=world.peer_address())
    assert put(world, fd, abi.TCP_AO_ADD_KEY, ao_value(world, 3, 4)) == 0
    result = world.call("getsockopt", fd=fd, level=SOL_TCP, name=abi.TCP_AO_INFO, size=48, initial=b"")
    assert (result.optval[6], result.optval[7]) == (1, 2)

    def delete(send_id: int, recv_id: int) -> int:
        tail = pack("=iIHBBBBBB", 0, 0, 0, 32, send_id, recv_id, 0, 0, 0)
        return put(world, fd, abi.TCP_AO_DEL_KEY, sockaddr(world, world.remote_ip) + tail)

    assert delete(1, 2) == Errno.EBUSY
    assert put(world, fd, abi.TCP_AO_INFO, pack("=IHBBQQQQQ", 3, 0, 3, 4, 0, 0, 0, 0, 0)) == 0
    assert delete(1, 2) == 0
    assert delete(1, 2) == Errno.ENOENT
    assert put(world, fd, abi.TCP_AO_INFO, pack("=IHBBQQQQQ", 1, 0, 99, 0, 0, 0, 0, 0, 0)) == Errno.ENOENT


def test_a_socket_without_keys_has_no_information(world: World) -> None:
    arguments = {"fd": world.socket(), "level": SOL_TCP, "name": abi.TCP_AO_INFO, "size": 48, "initial": b""}
    assert world.errno("getsockopt", **arguments) == Errno.ENOENT
