"""Loss recovery: scoreboard, duplicate acknowledgments, what to send again."""
