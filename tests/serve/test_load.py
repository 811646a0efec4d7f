"""The page answers many clients at once, slow ones, rude ones and those that leave."""

import pytest

from tests.serve import load


@pytest.mark.slow
def test_a_hundred_uploads_by_sixteen_clients_are_answered():
    pytest.importorskip("uvicorn")
    account, memory = load.run(100, 16, seed=1)
    assert account.problems == []
    assert account.answered == account.statuses["sound", 200] > 20
    assert max(memory) - memory[0] < 200 << 20
