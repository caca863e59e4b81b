"""The helper process of the kernel target: it alone enters namespaces. Standard library only, single-threaded.

A process with several threads may not create a user namespace (unshare(2), CLONE_NEWUSER), and the thread that runs
pytest must not change its network namespace; hence a process of its own.
"""
