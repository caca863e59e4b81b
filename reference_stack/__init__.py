"""The bundled userspace TCP, sans-I/O: packets in, packets out, `now` in integer microseconds as an argument."""
