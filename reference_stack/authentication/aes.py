"""AES-128 encryption of one block (FIPS 197) and CMAC over it (RFC 4493), for TCP-AO only.

Neither hides its timing: a simulated host has no secrets to lose. See docs/decisions for why no library is used.
"""

from functools import lru_cache

BLOCK_OCTETS = 16
_ROUNDS = 10
_REDUCTION = 0x11B
_R_128 = 0x87


def _double(value: int) -> int:
    """Multiply by x in GF(2**8)."""
    value <<= 1
    return value ^ _REDUCTION if value & 0x100 else value


def _make_sbox() -> bytes:
    """The substitution table: inverses in GF(2**8) and an affine map (FIPS 197, 5.1.1)."""
    powers = [1]
    for _ in range(254):
        powers.append(_double(powers[-1]) ^ powers[-1])
    logs = {value: index for index, value in enumerate(powers)}
    table = bytearray(256)
    for value in range(256):
        inverse = powers[(255 - logs[value]) % 255] if value else 0
        rotated = result = inverse
        for _ in range(4):
            rotated = (rotated << 1 | rotated >> 7) & 0xFF
            result ^= rotated
        table[value] = result ^ 0x63
    return bytes(table)


_SBOX = _make_sbox()
_TWICE = bytes(_double(value) & 0xFF for value in range(256))


@lru_cache(maxsize=256)
def _round_keys(key: bytes) -> tuple[bytes, ...]:
    """Key expansion (FIPS 197, 5.2): eleven round keys of sixteen octets."""
    words = [key[at : at + 4] for at in range(0, BLOCK_OCTETS, 4)]
    constant = 1
    for index in range(4, 4 * (_ROUNDS + 1)):
        word = words[-1]
        if index % 4 == 0:
            word = bytes(_SBOX[octet] for octet in word[1:] + word[:1])
            word = bytes((word[0] ^ constant,)) + word[1:]
            constant = _double(constant) & 0xFF
        words.append(_xor(word, words[index - 4]))
    return tuple(b"".join(words[at : at + 4]) for at in range(0, len(words), 4))


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _mix(column: bytes) -> bytes:
    """Multiply a column by the fixed polynomial (FIPS 197, 5.1.3)."""
    total = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[i] ^ total ^ _TWICE[column[i] ^ column[(i + 1) % 4]] for i in range(4))


def encrypt(key: bytes, block: bytes) -> bytes:
    """Return one encrypted block; `key` and `block` have 16 octets."""
    keys = _round_keys(key)
    state = _xor(block, keys[0])
    for number in range(1, _ROUNDS + 1):
        # SubBytes and ShiftRows: column c takes row r from column c + r.
        state = bytes(_SBOX[state[(4 * (column + row) + row) % 16]] for column in range(4) for row in range(4))
        if number < _ROUNDS:
            state = b"".join(_mix(state[at : at + 4]) for at in range(0, BLOCK_OCTETS, 4))
        state = _xor(state, keys[number])
    return state


def _subkey(block: bytes) -> bytes:
    """Shift left by one bit, reduced (RFC 4493, 2.3)."""
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = value & (1 << 128) - 1 ^ _R_128
    return value.to_bytes(BLOCK_OCTETS, "big")


def cmac(key: bytes, message: bytes) -> bytes:
    """Return the 16 octets of AES-CMAC (RFC 4493, 2.4)."""
    first = _subkey(encrypt(key, bytes(BLOCK_OCTETS)))
    cut = max(len(message) - 1, 0) // BLOCK_OCTETS * BLOCK_OCTETS
    last = message[cut:]
    if len(last) == BLOCK_OCTETS:
        last = _xor(last, first)
    else:
        padded = last + b"\x80" + bytes(BLOCK_OCTETS - 1 - len(last))
        last = _xor(padded, _subkey(first))
    state = bytes(BLOCK_OCTETS)
    for at in range(0, cut, BLOCK_OCTETS):
        state = encrypt(key, _xor(state, message[at : at + BLOCK_OCTETS]))
    return encrypt(key, _xor(state, last))
