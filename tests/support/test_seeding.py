"""Seeds hold whatever other threads draw under seeds of their own."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from uhscm_core import HashNetwork
from uhscm_core.support.seeding import seeded


@pytest.fixture
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("many_switches")
def test_networks_made_in_threads_at_once_have_the_weights_of_their_seeds():
    def weights(seed):
        network = HashNetwork(8, in_features=16, seed=seed)
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    alone = [weights(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(weights, [seed for _ in range(50) for seed in range(4)]))
    for i, made in enumerate(together):
        assert torch.equal(made, alone[i % 4])


def test_the_global_state_is_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with seeded(7):
        inside = torch.rand(4)
    assert torch.equal(torch.rand(4), expected)
    with seeded(7):
        assert torch.equal(torch.rand(4), inside)


def draw(queue):
    with seeded(7):
        queue.put(torch.rand(1).item())


@pytest.mark.skipif(sys.platform != "linux", reason="forks are made on Linux")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that threads and forks mix badly
def test_a_child_does_not_wait_for_a_thread_of_its_parent():
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        begun, free = context.Event(), context.Event()

        def hold():
            with seeded(1):
                begun.set()
                free.wait(20)

        held = pool.submit(hold)
        begun.wait(20)
        child = context.Process(target=draw, args=(queue,))
        child.start()
        child.join(20)
        hanging = child.is_alive()
        free.set()
        held.result(20)
        child.kill()
    assert not hanging
    assert 0 <= queue.get() < 1
