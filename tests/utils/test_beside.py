"""Pieces of one work by two threads: each once, errors told, nothing left behind."""

import collections
import multiprocessing
import threading
import time

import cv2
import pytest

from end2end.utils import beside


@pytest.fixture(autouse=True)
def two_threads():
    """OpenCV may take two threads, as in a plain program of two cores."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


def threads_of(pieces, **options):
    """Which thread did each piece, where each piece takes a while."""
    done = {}

    def work(piece):
        time.sleep(0.02)
        done[piece] = threading.current_thread().name

    beside.each(work, pieces, **options)
    return done


def test_two_threads_do_each_piece_once():
    counts = collections.Counter()
    beside.each(lambda piece: (time.sleep(0.001), counts.update([piece])), range(200))
    assert counts == dict.fromkeys(range(200), 1)
    done = threads_of(range(8))
    assert sorted(done) == [*range(8)]
    assert len(set(done.values())) == 2 and threading.current_thread().name in {
        *done.values()}


def test_the_caller_is_alone_where_it_asks_to_or_opencv_has_one_thread():
    mine = {threading.current_thread().name}
    assert {*threads_of(range(4), helped=False).values()} == mine
    cv2.setNumThreads(1)
    assert {*threads_of(range(4)).values()} == mine


def test_where_the_thread_beside_is_busy_the_caller_does_all_and_does_not_wait():
    go, begun = threading.Event(), threading.Event()

    def wait(piece):
        if threading.current_thread() is not busy:
            begun.set()
        go.wait(20)

    busy = threading.Thread(target=lambda: beside.each(wait, range(2)))
    busy.start()
    try:
        assert begun.wait(10)
        done = threads_of(range(4))
        assert {*done.values()} == {threading.current_thread().name}
        assert len(done) == 4
    finally:
        go.set()
        busy.join()


@pytest.mark.parametrize("in_caller", [True, False])
def test_an_error_of_either_thread_reaches_the_caller_when_both_have_ended(in_caller):
    caller, ended = threading.current_thread(), []
    begun = threading.Barrier(2, timeout=10)

    def work(piece):
        begun.wait()     # both threads have a piece
        if (threading.current_thread() is caller) is in_caller:
            raise KeyError("a piece")
        time.sleep(0.05)
        ended.append(piece)

    with pytest.raises(KeyError, match="a piece"):
        beside.each(work, range(2))
    assert len(ended) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_a_thread_of_its_own():
    assert len({*threads_of(range(8)).values()}) == 2
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=lambda: answers.put(len(threads_of(range(4)))))
    process.start()
    process.join(20)
    assert process.exitcode == 0 and answers.get() == 4
