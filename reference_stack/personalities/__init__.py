"""Personalities: each module makes one."""
