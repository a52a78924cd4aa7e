"""Token ids that are known already."""

from sfta_edge.worker.remote import TokenCache


def test_the_cache_forgets_what_was_not_asked_for_longest():
    cache = TokenCache(most_characters=4)
    cache.put("aa", False, [1])
    cache.put("bb", False, [2])
    assert cache.get("aa", False) == [1]
    cache.put("cc", False, [3])
    assert cache.get("bb", False) is None
    assert cache.get("aa", False) == [1]
    assert cache.get("aa", True) is None


def test_a_text_larger_than_the_cache_is_not_kept():
    cache = TokenCache(most_characters=4)
    cache.put("x" * 5, False, [1])
    assert cache.get("x" * 5, False) is None


def test_the_same_text_twice_takes_its_room_once():
    cache = TokenCache(most_characters=4)
    cache.put("aa", False, [1])
    cache.put("aa", False, [1])
    cache.put("bb", False, [2])
    assert cache.get("aa", False) == [1]
