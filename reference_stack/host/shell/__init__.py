"""A small shell without processes: the part of sh(1) that init and cleanup commands of scripts use.

`words` cuts a text into words and operators, `syntax` makes a tree of them, `run` walks it. Known are simple commands,
pipelines, lists (``;`` ``&&`` ``||`` newline), ``!``, ``if``, ``for``, ``while``, ``until``, groups, subshells,
redirections to and from /dev/null, settings and files of this host, and parameter, command and arithmetic expansion.
What is not known raises `NotModelled` and names it; nothing is ever passed over in silence.
"""
