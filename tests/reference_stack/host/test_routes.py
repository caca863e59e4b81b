"""Addresses, routes and path MTU (RFC 1191, RFC 8201, RFC 5927 section 7, ip-route(8))."""

import pytest

from reference_stack.host.routes import PMTU_LIFETIME_US, Route, Routes, canonical, make_prefix, unmapped
from reference_stack.settings import ConnectionSettings
from tests.reference_stack.host.world import World


@pytest.fixture
def routes() -> Routes:
    addresses = {"192.168.0.1", "fd3d:fa7b:d17d::1"}
    return Routes(addresses, [make_prefix("192.168.0.1", 16), make_prefix("fd3d:fa7b:d17d::1", 48)])


def test_only_own_addresses_are_local(routes: Routes) -> None:
    assert routes.is_local("192.168.0.1")
    assert not routes.is_local("192.168.0.2")


def test_with_anyip_the_whole_prefix_is_local() -> None:
    routes = Routes(set(), [make_prefix("192.168.0.1", 16)], is_anyip=True)
    assert routes.is_local("192.168.77.5")
    assert not routes.is_local("192.0.2.1")


@pytest.mark.parametrize("address", ["0.0.0.0", "255.255.255.255", "192.168.255.255", "224.0.0.1", "::", "ff02::1"])
def test_broadcast_multicast_and_unspecified_addresses_are_no_peers(routes: Routes, address: str) -> None:
    # RFC 9293, MUST-57 and MUST-63.
    assert routes.is_unusable_peer(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "192.168.0.255", "10.255.255.255", "2001:db8::1"])
def test_other_addresses_are_peers(routes: Routes, address: str) -> None:
    assert not routes.is_unusable_peer(address)


def test_the_source_address_is_of_the_family_of_the_peer(routes: Routes) -> None:
    assert routes.source_for("192.0.2.1") == "192.168.0.1"
    assert routes.source_for("2001:db8::1") == "fd3d:fa7b:d17d::1"
    assert Routes({"192.168.0.1"}, []).source_for("2001:db8::1") is None


def test_the_most_specific_route_wins(routes: Routes) -> None:
    routes.change(make_prefix("0.0.0.0", 0), mtu=1400)
    routes.change(make_prefix("192.0.2.1", 32), mtu=1300)
    assert routes.interface_mtu("192.0.2.1") == 1300
    assert routes.interface_mtu("192.0.2.2") == 1400


def test_a_report_lowers_the_path_mtu_until_it_is_old(routes: Routes) -> None:
    assert routes.learn_path_mtu("192.0.2.1", 1200, minimum=552, now=5) == 1200
    assert routes.path_mtu("192.0.2.1", now=PMTU_LIFETIME_US) == 1200
    assert routes.path_mtu("192.0.2.1", now=PMTU_LIFETIME_US + 5) is None
    assert routes.path_mtu("192.0.2.2", now=6) is None


def test_a_report_never_raises_the_path_mtu(routes: Routes) -> None:
    # RFC 1191 section 3 and RFC 8201 section 4.
    routes.learn_path_mtu("192.0.2.1", 1200, minimum=552, now=0)
    assert routes.learn_path_mtu("192.0.2.1", 1400, minimum=552, now=1) is None
    assert routes.learn_path_mtu("192.0.2.1", 1500, minimum=552, now=1) is None
    assert routes.path_mtu("192.0.2.1", now=2) == 1200


def test_a_tiny_ipv4_report_counts_as_the_minimum(routes: Routes) -> None:
    # Linux, route.min_pmtu 552; RFC 5927 section 7.
    assert routes.learn_path_mtu("192.0.2.1", 68, minimum=552, now=0) == 552


def test_an_ipv6_report_below_1280_is_void(routes: Routes) -> None:
    # RFC 8201 section 4.
    assert routes.learn_path_mtu("2001:db8::1", 1279, minimum=552, now=0) is None
    assert routes.learn_path_mtu("2001:db8::1", 1280, minimum=552, now=0) == 1280


def test_a_locked_route_mtu_never_changes(routes: Routes) -> None:
    routes.change(make_prefix("192.0.2.1", 32), mtu=1400, is_mtu_locked=True)
    assert routes.learn_path_mtu("192.0.2.1", 1000, minimum=552, now=0) is None


def test_changing_a_route_forgets_what_was_learned_on_it(routes: Routes) -> None:
    routes.learn_path_mtu("192.0.2.1", 1200, minimum=552, now=0)
    routes.change(make_prefix("192.0.2.1", 32), mtu=1500)
    assert routes.path_mtu("192.0.2.1", now=1) is None


def test_a_new_connection_starts_with_what_the_route_says(routes: Routes) -> None:
    prefix = make_prefix("192.0.2.1", 32)
    routes.routes[prefix] = Route(1400, initcwnd=11, initrwnd=3, congestion_control="cubic", rto_min_us=5)
    routes.learn_path_mtu("192.0.2.1", 1200, minimum=552, now=0)
    settings = ConnectionSettings()
    routes.prepare(settings, "192.0.2.1", now=1)
    assert (settings.mtu, settings.path_mtu, settings.initial_window, settings.initial_receive_window) == (
        1400,
        1200,
        11,
        3,
    )
    assert (settings.congestion_control, settings.rto_min_us) == ("cubic", 5)


def test_mapped_addresses_are_unmapped_and_texts_made_canonical() -> None:
    assert unmapped("::ffff:192.0.2.1") == "192.0.2.1"
    assert unmapped("2001:db8::1") == "2001:db8::1"
    assert canonical("2001:DB8:0:0::1") == "2001:db8::1"


def test_a_route_that_changes_reaches_a_connection_with_its_next_packet() -> None:
    # Measured on Linux 6.18: the packet that leaves first still has the old size, what is sent after it the new one.
    world = World()
    world.host.shell(f"ip route replace {world.remote_ip} dev tun0 mtu lock 640", now=world.now)
    fd = world.established()
    world.host.shell(f"ip route replace {world.remote_ip} dev tun0 mtu lock 1500", now=world.now)
    world.write(fd, 600)
    world.inject(". 1:1(0) ack 601")
    assert world.sent() == ["P. 1:601(600) ack 1"]
    world.write(fd, 1460)
    assert world.sent() == ["P. 601:2061(1460) ack 1"]
