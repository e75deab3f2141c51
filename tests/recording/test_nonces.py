from __future__ import annotations

from siprecord.recording.nonces import NonceBook

SECRET = b"0123456789abcdef"


def test_SEC_06_a_nonce_is_good_while_its_count_rises() -> None:
    book = NonceBook(SECRET, 300)
    nonce = book.issue(1000.0)
    assert book.use(nonce, 1, 1000.1)
    assert not book.use(nonce, 1, 1000.2)
    assert book.use(nonce, 2, 1000.3)
    assert book.use(nonce, 7, 1000.4)
    assert not book.use(nonce, 6, 1000.5)
    assert not book.use(nonce, 0, 1000.5)


def test_SEC_06_a_nonce_expires() -> None:
    book = NonceBook(SECRET, 300)
    nonce = book.issue(1000.0)
    assert book.use(nonce, 1, 1300.0)
    assert not book.use(nonce, 2, 1300.1)


def test_without_a_count_a_nonce_is_good_once() -> None:
    book = NonceBook(SECRET, 300)
    nonce = book.issue(0.0)
    assert book.use(nonce, None, 1.0)
    assert not book.use(nonce, None, 2.0)
    assert not book.use(nonce, 1, 2.0)


def test_nonces_differ_even_within_a_moment() -> None:
    book = NonceBook(SECRET, 300)
    assert len({book.issue(5.0) for _ in range(100)}) == 100


def test_forged_nonces_are_no_good() -> None:
    book, other = NonceBook(SECRET, 300), NonceBook(b"another secret!!", 300)
    nonce = book.issue(0.0)
    changed = ("A" if nonce[0] != "A" else "B") + nonce[1:]
    for text in (other.issue(0.0), changed, "", "x", "ä" * 44, "=" * 44, "A" * 44, "!" * 44, nonce + "A"):
        assert not book.use(text, 1, 0.0)


def test_issuing_costs_no_memory_and_expired_uses_are_forgotten() -> None:
    book = NonceBook(SECRET, 10)
    for second in range(100):
        book.issue(float(second))
        assert book.use(book.issue(float(second)), 1, float(second))
    assert len(book) <= 12


def test_memory_is_bounded_and_a_forgotten_nonce_can_not_be_used_again() -> None:
    book = NonceBook(SECRET, 300, capacity=10)
    nonces = [book.issue(0.0) for _ in range(30)]
    assert all(book.use(nonce, 1, 1.0) for nonce in nonces)
    assert len(book) == 10
    assert not any(book.use(nonce, 1, 2.0) for nonce in nonces)
    assert book.use(nonces[-1], 2, 2.0)
    assert not book.use(nonces[0], 2, 2.0)
