"""What the SYN of a client carries for Fast Open, and what its fate says about the server (RFC 7413, 4.1.3 and 4.2)."""

from reference_stack.connection import Connection
from reference_stack.host.fastopen import FAST_OPEN_CLIENT_WITHOUT_COOKIE
from reference_stack.host.sockets import TcpSocket
from reference_stack.host.surroundings import Surroundings
from reference_stack.host.values import Micros
from reference_stack.opening import SynAnswer, SynRequest
from reference_stack.states import State
from wire.options import FastOpen

_NOTHING = SynRequest(None)
_TIMEOUTS_OF_A_BLACK_HOLE = 2


def may_send_early(around: Surroundings, socket: TcpSocket, *, now: Micros) -> bool:
    """Whether text may leave with the SYN: a cookie is known, or none is needed."""
    request = syn_request(around, socket, b"", now=now)
    return request is not _NOTHING and (request.option is None or bool(request.option.cookie))


def syn_request(around: Surroundings, socket: TcpSocket, text: bytes, *, now: Micros) -> SynRequest:
    """Return what the SYN shall carry: cookie and text, a request for a cookie, or nothing."""
    cache = around.routes.syn_cache
    server = cache.server(socket.local_ip, socket.remote_ip)
    if cache.is_off(now=now) or now < server.refused_until:
        return _NOTHING
    mode = around.sysctls.number("net.ipv4.tcp_fastopen")
    if mode & FAST_OPEN_CLIENT_WITHOUT_COOKIE or socket.options.fastopen_no_cookie:
        return SynRequest(None, text, server.mss)
    if server.cookie is not None:
        return SynRequest(server.cookie, text, server.mss)
    return SynRequest(FastOpen(experimental=server.asks_by_experiment))


def note_syn(around: Surroundings, connection: Connection, *, now: Micros) -> None:
    """Learn from what has become of a SYN with a request: an answer, silence, an error."""
    request, answer = connection.syn_request, connection.syn_answer
    assert request is not None
    name, cache = connection.four_tuple, around.routes.syn_cache
    if request == _NOTHING or (answer is None and connection.state is not State.SYN_SENT and not connection.is_deleted):
        return
    if answer is not None:
        _learn(around, connection, request, answer, now=now)
    elif connection.retransmits == _TIMEOUTS_OF_A_BLACK_HOLE and now == connection.last_sent_at:
        timeout_s = around.sysctls.number("net.ipv4.tcp_fastopen_blackhole_timeout_sec")
        cache.switch_off(timeout_s * 1_000_000, now=now)
    is_refused = answer is None and bool(connection.syn_retransmissions or connection.soft_error)
    if is_refused and request.text and around.traits.caches_refusals:
        cache.refuse(name.local_ip, name.remote_ip, now=now)


def _learn(
    around: Surroundings, connection: Connection, request: SynRequest, answer: SynAnswer, *, now: Micros
) -> None:
    connection.syn_answer = connection.syn_request = None
    name, cache = connection.four_tuple, around.routes.syn_cache
    server = cache.server(name.local_ip, name.remote_ip)
    server.mss = answer.mss
    # A cookie that was not asked for is not kept (measured).
    cookie = answer.cookie if request.option is not None and answer.cookie is not None else None
    if cookie is not None and cookie.cookie:
        server.cookie, server.attempts = cookie, 0
    elif request.option is not None and cookie is None and not request.text and not connection.syn_retransmissions:
        if around.traits.caches_missing_cookies:
            cache.refuse(name.local_ip, name.remote_ip, now=now)
        tried = 2 if request.option.experimental else 1
        if server.cookie is None:
            server.attempts = max(server.attempts, tried)
    if request.text and not answer.took_text and cookie is None and around.traits.caches_refusals:
        cache.refuse(name.local_ip, name.remote_ip, now=now)
