"""The kernel target, against the running kernel; everything happens in fresh network namespaces."""
