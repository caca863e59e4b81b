"""Fast Open keys and cookies: the hash against its paper, keys and cookies against measured Linux 6.18."""

from typing import Any

import pytest

from reference_stack.host import Errno
from reference_stack.host.fastopen import cookie, read_keys, show_keys, split_keys
from reference_stack.host.siphash import siphash
from tests.reference_stack.host.world import World
from wire.abi import SOL_TCP, TCP_FASTOPEN_KEY

KEY = bytes(range(16))


@pytest.mark.parametrize(
    ("length", "expected"),
    # Length 15 is appendix A of the paper; the others are the first vectors of its reference implementation.
    [(0, 0x726FDB47DD0E0E31), (1, 0x74F839C593DC67FD), (15, 0xA129CA6149BE45E5)],
)
def test_siphash_gives_the_vectors_of_its_authors(length: int, expected: int) -> None:
    assert siphash(KEY, bytes(range(length))) == expected


def test_siphash_refuses_a_short_key() -> None:
    with pytest.raises(ValueError, match="16 octets, not 15"):
        siphash(KEY[:15], b"")


@pytest.mark.parametrize(
    ("client", "server", "key", "text"),
    # Seen in SYN-ACKs of Linux 6.18.
    [
        ("192.0.2.1", "192.168.0.1", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4", "3021b9d889017eeb"),
        ("192.0.2.1", "192.168.0.1", "a0bf63f7-ed803d81-cd641d30-cebc4a90", "f49b0ef989d9f624"),
        ("fd3d:fa7b:d17d::1", "fd3d:a0b:17d6::1", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4", "c1d1e9742a47a9bc"),
        ("fd3d:fa7b:d17d::1", "fd3d:a0b:17d6::1", "a0bf63f7-ed803d81-cd641d30-cebc4a90", "792f542eed8979b8"),
    ],
)
def test_a_cookie_is_that_of_linux(client: str, server: str, key: str, text: str) -> None:
    assert cookie(read_keys(key)[0], client, server).hex() == text


def test_cookies_of_two_clients_differ() -> None:
    # RFC 7413, section 4.1.2: bound to the client's address.
    assert cookie(KEY, "192.0.2.1", "192.0.2.9") != cookie(KEY, "192.0.2.2", "192.0.2.9")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("1-2-3-4", "00000001-00000002-00000003-00000004"),
        ("  1-2-3-4x", "00000001-00000002-00000003-00000004"),
        ("123456789-1-1-1", "23456789-00000001-00000001-00000001"),
        ("1-2-3-4,5-6-7-8", "00000001-00000002-00000003-00000004,00000005-00000006-00000007-00000008"),
    ],
)
def test_keys_read_back_as_linux_shows_them(written: str, shown: str) -> None:
    assert show_keys(read_keys(written)) == shown


@pytest.mark.parametrize("text", ["", "zz", "1-2-3", "1-2-3-4,", "1-2-3-4,5-6-7"])
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        read_keys(text)


@pytest.mark.parametrize(("length", "count"), [(16, 1), (32, 2)])
def test_the_socket_option_takes_one_key_or_two(length: int, count: int) -> None:
    keys = split_keys(bytes(range(length)))
    assert keys is not None
    assert (len(keys), b"".join(keys)) == (count, bytes(range(length)))


@pytest.mark.parametrize("length", [0, 3, 8, 20, 40])
def test_the_socket_option_takes_no_other_length(length: int) -> None:
    assert split_keys(bytes(length)) is None


def test_the_setting_shows_its_key_in_full_and_refuses_half_a_key(world: World) -> None:
    name = "net.ipv4.tcp_fastopen_key"
    assert world.host.shell(f"sysctl -q {name}=1-2-3-4", now=0).status == 0
    assert world.host.shell(f"sysctl -q {name}=1-2-3", now=0).output.endswith("Invalid argument\n")
    assert world.host.shell(f"sysctl -n {name}", now=0).output == "00000001-00000002-00000003-00000004\n"


def test_a_socket_keeps_keys_of_its_own(world: World) -> None:
    # Measured: nothing at first, 16 or 32 octets are given back, another length is EINVAL and changes nothing.
    fd = world.socket()
    assert _get_key(world, fd) == b""
    assert world.call("setsockopt", **_key(fd, bytes(range(32)))).value == 0
    assert world.errno("setsockopt", **_key(fd, bytes(20))) == Errno.EINVAL
    assert _get_key(world, fd) == bytes(range(32))


def _key(fd: int, value: bytes) -> dict[str, Any]:
    return {"fd": fd, "level": SOL_TCP, "name": TCP_FASTOPEN_KEY, "value": value, "size": len(value)}


def _get_key(world: World, fd: int) -> bytes:
    result = world.call("getsockopt", fd=fd, level=SOL_TCP, name=TCP_FASTOPEN_KEY, size=64, initial=b"")
    assert result.optlen == len(result.optval)
    return result.optval
