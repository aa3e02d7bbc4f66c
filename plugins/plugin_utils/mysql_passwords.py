"""How MySQL writes down a password: SHA-crypt as of akkadia.org/drepper/SHA-crypt.txt, 5000 rounds."""

from __future__ import annotations

from hashlib import sha256

ROUNDS = 5000
ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def caching_sha2(password: str, salt: str) -> str:
    """Return the `authentication_string` of caching_sha2_password for a salt of 20 characters."""
    if len(salt) != 20:
        raise ValueError(f"The salt has {len(salt)} characters and not 20.")
    return f"$A$005${salt}{_digest(password.encode(), salt.encode())}"


def _repeated(digest: bytes, length: int) -> bytes:
    """Return as many bytes as asked for of a digest that follows itself."""
    return (digest * (length // len(digest) + 1))[:length]


def _digest(key: bytes, salt: bytes) -> str:
    """Return the digest in the letters of crypt(3)."""
    alternate = sha256(key + salt + key).digest()
    start = key + salt + _repeated(alternate, len(key))
    length = len(key)
    while length:
        start += alternate if length & 1 else key
        length >>= 1
    digest = sha256(start).digest()
    keys = _repeated(sha256(key * len(key)).digest(), len(key))
    salts = _repeated(sha256(salt * (16 + digest[0])).digest(), len(salt))
    for number in range(ROUNDS):
        odd = number & 1
        digest = sha256(
            (keys if odd else digest)
            + (salts if number % 3 else b"")
            + (keys if number % 7 else b"")
            + (digest if odd else keys)
        ).digest()
    return _letters(digest)


def _letters(digest: bytes) -> str:
    """Return a digest in crypt's order of bytes, three of them in four letters, the lowest first."""
    text, first = "", 0
    for _ in range(10):
        text += _base64((digest[first], digest[(first + 10) % 30], digest[(first + 20) % 30]), 4)
        first = (first + 21) % 30
    return text + _base64((0, digest[31], digest[30]), 3)


def _base64(values: tuple[int, int, int], letters: int) -> str:
    """Return three bytes in letters."""
    number = int.from_bytes(bytes(values), "big")
    return "".join(ALPHABET[number >> 6 * place & 0x3F] for place in range(letters))
