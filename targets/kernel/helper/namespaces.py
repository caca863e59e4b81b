"""Entering fresh namespaces, with and without root (unshare(2), user_namespaces(7), network_namespaces(7))."""

import ctypes
import errno
import os

from targets.kernel.helper.failure import Failure

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

_MS_REMOUNT = 32
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18

_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become_subreaper() -> None:
    """Make every orphaned descendant a child of this process, so that none can be lost (PR_SET_CHILD_SUBREAPER)."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def gain_privilege() -> None:
    """Enter a user namespace as its root when this process may not create network namespaces itself."""
    try:
        _unshare(_CLONE_NEWNET)
        return
    except OSError as error:
        if error.errno != errno.EPERM:
            raise _network_failure(error) from error
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(_CLONE_NEWUSER)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {user} 1")
        _write("/proc/self/gid_map", f"0 {group} 1")
    except OSError as error:
        raise _user_failure(error) from error
    enter_network()


def current_network() -> int:
    """Return the inode number of this process's network namespace."""
    return os.stat("/proc/self/ns/net").st_ino


def enter_network() -> int:
    """Enter a fresh network namespace; the former one goes as soon as nobody else uses it. Return its inode number."""
    try:
        _unshare(_CLONE_NEWNET)
    except OSError as error:
        raise _network_failure(error) from error
    return current_network()


def join_network(descriptor: int) -> None:
    """Enter an existing network namespace (setns(2))."""
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def make_sysctls_writable() -> None:
    """Make /proc/sys writable for the commands of scripts where the system mounted it read-only, as containers do.

    Works only where mounting is allowed; the doctor says so where it is not.
    """
    if not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
        return
    try:
        _unshare(_CLONE_NEWNS)
    except OSError:
        return
    _libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    if _libc.mount(b"none", b"/proc/sys", None, _MS_REMOUNT | _MS_BIND, None) != 0:
        _libc.mount(b"proc", b"/proc", b"proc", 0, None)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _network_failure(error: OSError) -> Failure:
    if error.errno == errno.EINVAL:
        return Failure("this kernel has no network namespaces", "use a kernel built with CONFIG_NET_NS")
    if error.errno == errno.ENOSPC:
        return Failure("no further network namespace is allowed", "raise the sysctl user.max_net_namespaces")
    return Failure(
        f"no permission to create a network namespace ({os.strerror(error.errno or 0)})",
        "run as root, or in a container with --cap-add SYS_ADMIN --cap-add NET_ADMIN",
    )


def _user_failure(error: OSError) -> Failure:
    if error.errno == errno.EINVAL:
        return Failure("not root, and this kernel has no user namespaces", "run as root")
    if error.errno in (errno.ENOSPC, errno.EUSERS):
        return Failure(
            "not root, and no further user namespace is allowed", "raise the sysctl user.max_user_namespaces"
        )
    # Ubuntu 23.10 and newer confine unprivileged user namespaces by AppArmor; older Debian has its own switch.
    return Failure(
        f"not root, and no permission to create a user namespace ({os.strerror(error.errno or 0)})",
        "run as root, or allow it: sysctl kernel.unprivileged_userns_clone=1 (Debian 10), "
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu 23.10 and newer)",
    )
