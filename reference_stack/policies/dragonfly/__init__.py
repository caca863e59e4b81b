"""Choices of DragonFly BSD: what tcp(4) says, and what is written of 4.4BSD where the page is silent."""
