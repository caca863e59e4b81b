"""``tcprove fmt``: one layout for scripts. Only white space changes; every token and comment stays as it is written."""
