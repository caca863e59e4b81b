"""The bundled userspace TCP, sans-I/O: packets in, packets out, `now` in integer microseconds as an argument.

From above to below:

- `host`: sockets, ports, the table of connections, IP. It knows only `connection` and the pure rules for segments that
  belong to no connection (`arrival.closed`, `arrival.listen`).
- `connection`: one TCP connection as its owner sees it. No callbacks: after every entry the owner drains the outgoing
  segments and looks at the state.
- `core`: what rules work on: the variables of RFC 9293 (`tcb`), queues, timers, the policies of this connection.
- Rules, named and in ordered tables (`rules.RuleSet`): arriving segments (`arrival`), timers (`timer_rules`), calls
  (`user_calls`). One rule is one check of the RFC; each row has its section.
- Policies (`policies`, `congestion`, `recovery`): small objects for what RFCs leave open or systems do differently.
- Leaves that know no connection: sequence numbers, queues, reassembly, round-trip times, scoreboard.

A personality (`personalities`) is data: a rule set, a policy for each choice, and settings. A planted fault is a
personality with one rule or policy replaced by name; nothing in the engine asks which personality it runs.

Inside, sequence numbers are unbounded integers, widened once on arrival (`sequence.unwrap`) and cut to 32 bits when a
segment is built (`output`), so that comparisons are plain and cannot wrap.
"""
