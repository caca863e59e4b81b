"""open, sendfile, pipe, splice: files that the host's own commands made, and moving octets between descriptors."""

from reference_stack.host.callbase import Outcome
from reference_stack.host.calls_transfer import TransferCalls, Writing
from reference_stack.host.errnos import CallFailed, Errno, NotModelled
from reference_stack.host.sockets import OpenFile, TcpSocket
from reference_stack.host.values import Blocked, Micros, Result, failure
from wire.abi import MSG_MORE, O_ACCMODE, O_RDONLY, SPLICE_F_MORE, SPLICE_F_NONBLOCK

PIPE_OCTETS = 65_536
"""Capacity of a pipe (pipe(7))."""


class PlainFile(OpenFile):
    """A file that was opened for reading."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data
        self.offset = 0


class PipeEnd(OpenFile):
    """One end of a pipe; both ends share the octets."""

    def __init__(self, queue: bytearray, *, is_writer: bool) -> None:
        super().__init__()
        self.queue = queue
        self.is_writer = is_writer


class FileCalls(TransferCalls):
    """Calls on descriptors that are no sockets. Reading and writing files and pipes directly is not modelled."""

    def open(self, *, path: str, flags: int, now: Micros) -> Result:  # noqa: ARG002
        """open(2) for reading, of a file that a command of the script made."""
        if flags & O_ACCMODE != O_RDONLY:
            raise NotModelled("open for writing")
        text = self.around.files.get(path)
        if text is None:
            raise CallFailed(Errno.ENOENT)
        return Result(self.install(PlainFile(text.encode("latin-1"))))

    def read(self, *, fd: int, count: int, null_buffer: bool, now: Micros) -> Outcome:
        """read(2) from a socket."""
        self._refuse_files(fd)
        return super().read(fd=fd, count=count, null_buffer=null_buffer, now=now)

    def write(self, *, fd: int, data: bytes | None, count: int, now: Micros) -> Outcome:
        """write(2) to a socket."""
        self._refuse_files(fd)
        return super().write(fd=fd, data=data, count=count, now=now)

    def writev(self, *, fd: int, buffers: tuple[bytes, ...], now: Micros) -> Outcome:
        """writev(2) to a socket."""
        self._refuse_files(fd)
        return super().writev(fd=fd, buffers=buffers, now=now)

    def _refuse_files(self, fd: int) -> None:
        if isinstance(self.file(fd), PlainFile | PipeEnd):
            raise NotModelled("reading and writing of files and pipes")

    def sendfile(self, *, out_fd: int, in_fd: int, offset: int | None, count: int, now: Micros) -> Outcome:
        """sendfile(2) from a file to a TCP socket; with an `offset` the file's own position stays."""
        source, socket = self.file(in_fd), self.file(out_fd)
        if not isinstance(source, PlainFile) or not isinstance(socket, TcpSocket):
            raise CallFailed(Errno.EINVAL)
        start = source.offset if offset is None else offset
        data = source.data[start : start + count]
        if not data:
            return Result(0)
        outcome = self._send(out_fd, Writing(data, len(data), 0), now=now)
        if offset is None and isinstance(outcome, Result) and outcome.value > 0:
            source.offset += outcome.value
        elif offset is None and isinstance(outcome, Blocked):
            source.offset += len(data)
        return outcome

    def pipe(self, *, now: Micros) -> Result:  # noqa: ARG002
        """pipe(2)."""
        queue = bytearray()
        fds = tuple(self.install(PipeEnd(queue, is_writer=is_writer)) for is_writer in (False, True))
        return Result(0, fds=fds)

    def splice(
        self,
        *,
        fd_in: int,
        fd_out: int,
        count: int,
        flags: int,
        bad_offset_in: bool = False,
        bad_offset_out: bool = False,
        now: Micros,
    ) -> Outcome:
        """splice(2) between a pipe and a TCP socket; a bad offset is a pointer to no memory instead of NULL."""
        source, sink = self.file(fd_in), self.file(fd_out)
        for file, is_bad in ((source, bad_offset_in), (sink, bad_offset_out)):
            if is_bad:
                raise CallFailed(Errno.ESPIPE if isinstance(file, PipeEnd) else Errno.EFAULT)
        if isinstance(source, TcpSocket) and isinstance(sink, PipeEnd) and sink.is_writer:
            return self._splice_in(source, sink, count, flags, now=now)
        if isinstance(source, PipeEnd) and not source.is_writer and isinstance(sink, TcpSocket):
            data = bytes(source.queue[:count])
            del source.queue[:count]
            more = MSG_MORE if flags & SPLICE_F_MORE else 0
            return self._send(fd_out, Writing(data, len(data), more), now=now)
        raise CallFailed(Errno.EINVAL)

    def _splice_in(self, socket: TcpSocket, pipe: PipeEnd, count: int, flags: int, *, now: Micros) -> Outcome:
        def attempt(at: Micros) -> Result | None:
            connection = socket.connection
            room = min(count, PIPE_OCTETS - len(pipe.queue))
            if connection is not None and socket.available and room:
                data = connection.receive(room, now=at)
                self.tcp.settle(socket, now=at)
                pipe.queue.extend(data)
                return Result(len(data))
            if socket.at_end or socket.is_read_shut or connection is None:
                return failure(socket.pop_error()) if socket.error else Result(0)
            # Linux, tcp_splice_read: it ends at the urgent mark with 0, as a read would.
            return Result(0) if connection.urgent_mark == 0 else None

        is_nonblocking = socket.is_nonblocking or bool(flags & SPLICE_F_NONBLOCK)
        return self.wait(attempt, now=now, is_nonblocking=is_nonblocking, timeout_us=socket.options.rcvtimeo_us)
