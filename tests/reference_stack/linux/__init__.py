"""The personality ``linux``, against what Linux 6.18.44 was measured to do."""
