"""Choices of FreeBSD: what its tcp(4) says, and what is visible of its stack where the page is silent."""
