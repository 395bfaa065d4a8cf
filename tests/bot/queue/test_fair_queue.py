"""Whose job is next: properties of the replay."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.queue.eta import Lane, forecast, last_of
from bot.queue.fair_queue import Line, Ticket, Turn, turns


def tickets(*principals: str, cost: float = 1.0) -> list[Ticket]:
    return [Ticket(job=f"{who}{n}", principal=who, cost=cost, seq=n) for n, who in enumerate(principals)]


def served(waiting: list[Ticket], virtual: float = 0.0, **finishes: float) -> list[str]:
    return [turn.ticket.job for turn in turns(waiting, virtual=virtual, finishes=finishes)]


@st.composite
def queues(draw: st.DrawFn) -> list[Ticket]:
    rows = draw(
        st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from((0.5, 1.0, 2.0, 8.0)), st.booleans()), max_size=30)
    )
    return [Ticket(job=str(n), principal=who, cost=cost, seq=n, paid=paid) for n, (who, cost, paid) in enumerate(rows)]


clocks = st.dictionaries(st.sampled_from("abcde"), st.floats(0, 50))


def test_a_user_with_fifty_jobs_does_not_keep_another_waiting() -> None:
    waiting = tickets(*["heavy"] * 50, "light")

    order = served(waiting, virtual=5.0, heavy=6.0)

    assert order[0] == "light50"


def test_people_with_equal_jobs_take_turns() -> None:
    waiting = tickets("h", "h", "h", "a", "a", "b")

    assert served(waiting) == ["h0", "a3", "b5", "h1", "a4", "h2"]


def test_who_was_idle_has_saved_up_no_turns() -> None:
    waiting = tickets("busy", "busy", "idle", "idle")

    assert served(waiting, virtual=100.0, busy=100.0, idle=3.0) == ["busy0", "idle2", "busy1", "idle3"]


def test_who_comes_for_the_first_time_has_had_nothing_yet() -> None:
    assert served(tickets("known", "new"), known=0.5) == ["new1", "known0"]


def test_a_costly_job_pays_with_a_longer_wait_for_the_next() -> None:
    big = [Ticket(job=f"big{n}", principal="big", cost=4.0, seq=n) for n in range(2)]
    small = [Ticket(job=f"small{n}", principal="small", cost=1.0, seq=10 + n) for n in range(5)]

    assert served(big + small) == ["big0", "small0", "small1", "small2", "small3", "big1", "small4"]


def test_who_weighs_twice_as_much_as_anybody_gets_two_jobs_for_one_of_theirs() -> None:
    heavy = [Ticket(job=f"heavy{n}", principal="heavy", cost=1.0, seq=n, weight=2.0) for n in range(4)]
    others = [Ticket(job=f"other{n}", principal="other", cost=1.0, seq=n) for n in (10, 11)]

    assert served(heavy + others) == ["heavy0", "other10", "heavy1", "heavy2", "other11", "heavy3"]


def test_a_job_that_lost_its_engine_goes_first_and_is_not_charged_again() -> None:
    lost = Ticket(job="lost", principal="a", cost=9.0, seq=0, paid=True)
    [first, *_] = turns([lost, *tickets("b", "c")], virtual=2.0, finishes={"a": 50.0})

    assert first.ticket is lost
    assert (first.start, first.finish) == (2.0, 50.0)


def test_a_higher_priority_goes_before_everything() -> None:
    vip = Ticket(job="vip", principal="h", cost=1.0, seq=99, priority=1)

    assert served([*tickets("h", "a"), vip], h=80.0)[0] == "vip"


@given(queues(), st.floats(0, 50), clocks)
def test_everybody_is_served_exactly_once(waiting: list[Ticket], virtual: float, finishes: dict[str, float]) -> None:
    order = served(waiting, virtual, **finishes)

    assert sorted(order) == sorted(ticket.job for ticket in waiting)


@given(queues(), st.floats(0, 50), clocks)
def test_the_replay_foretells_what_picking_one_by_one_does(
    waiting: list[Ticket], virtual: float, finishes: dict[str, float]
) -> None:
    foretold = served(waiting, virtual, **finishes)

    picked = list[str]()
    left, now, clock = list(waiting), virtual, dict(finishes)
    while left:
        turn = next(turns(left, virtual=now, finishes=clock))
        if not turn.ticket.paid:
            now, clock[turn.ticket.principal] = max(now, turn.start), turn.finish
        left.remove(turn.ticket)
        picked.append(turn.ticket.job)

    assert picked == foretold


@given(queues(), clocks)
def test_each_person_is_served_in_the_order_of_asking(waiting: list[Ticket], finishes: dict[str, float]) -> None:
    fresh = [ticket for ticket in waiting if not ticket.paid]

    order = list(turns(fresh, virtual=0.0, finishes=finishes))

    per_person = defaultdict[str, list[int]](list)
    for turn in order:
        per_person[turn.ticket.principal].append(turn.ticket.seq)
    assert all(seqs == sorted(seqs) for seqs in per_person.values())


@given(queues())
def test_while_two_people_wait_neither_gets_more_than_one_job_ahead(waiting: list[Ticket]) -> None:
    """The bound of start-time fair queueing: |W1 - W2| is at most the greatest cost of each."""
    mine = [ticket for ticket in waiting if ticket.principal in "ab" and not ticket.paid]
    greatest = {who: max((t.cost for t in mine if t.principal == who), default=0.0) for who in "ab"}

    work = dict.fromkeys("ab", 0.0)
    left = {who: sum(ticket.principal == who for ticket in mine) for who in "ab"}
    for turn in turns(mine, virtual=0.0, finishes={}):
        if all(left.values()):
            assert abs(work["a"] - work["b"]) <= greatest["a"] + greatest["b"]
        work[turn.ticket.principal] += turn.ticket.cost
        left[turn.ticket.principal] -= 1


def test_the_forecast_gives_each_job_to_the_engine_that_is_free_first() -> None:
    lanes = [Lane(free_in=10.0, pace=1.0), Lane(free_in=0.0, pace=2.0)]

    assert forecast([3.0, 1.0, 3.0, 2.0], lanes) == [6.0, 8.0, 14.0, 12.0]


def test_without_an_engine_there_is_no_forecast() -> None:
    assert forecast([1.0, 2.0], []) == [None, None]


def charged(turns: list[Turn]) -> list[tuple[float, float]]:
    """What the turns that are not paid yet will cost; that of the others moves no clock."""
    return [(turn.start, turn.finish) for turn in turns if not turn.ticket.paid]


@given(waiting=queues(), virtual=st.floats(0, 50), finishes=clocks, moves=st.lists(st.integers(0, 60), max_size=40))
def test_a_line_that_is_kept_is_the_line_that_a_replay_would_draw_up(
    waiting: list[Ticket], virtual: float, finishes: dict[str, float], moves: list[int]
) -> None:
    """People come, the first is served, now and then another one."""
    line = Line(waiting, virtual=virtual, finishes=finishes)
    waiting, finishes = list(waiting), dict(finishes)
    for seq, move in enumerate(moves, start=len(waiting)):
        if move % 2:
            ticket = Ticket(job=str(seq), principal="abcde"[move % 5], cost=0.5 + move % 3, seq=seq)
            waiting.append(ticket)
            assert line.add(ticket)
        elif line.turns:
            turn = line.turns[move % len(line.turns) if move > 50 else 0]
            waiting.remove(turn.ticket)
            if not turn.ticket.paid:
                virtual, finishes[turn.ticket.principal] = max(virtual, turn.start), turn.finish
            if not line.serve(turn):
                line = Line(waiting, virtual=virtual, finishes=finishes)
        replay = list(turns(waiting, virtual=virtual, finishes=finishes))
        assert [turn.ticket for turn in line.turns] == [turn.ticket for turn in replay]
        assert charged(line.turns) == charged(replay)
        assert line.costs == [turn.ticket.cost for turn in replay]
        assert [line.place(turn.ticket.job) for turn in replay] == list(range(1, len(replay) + 1))


def test_who_is_served_first_leaves_the_line_as_it_is() -> None:
    line = Line(tickets("a", "b", "a", "c"), virtual=0.0, finishes={})

    assert line.serve(line.turns[0])
    assert line.place("a0") is None


def test_who_comes_with_another_priority_needs_a_new_line() -> None:
    line = Line(tickets("a", "b"), virtual=0.0, finishes={})

    assert not line.add(Ticket(job="vip", principal="v", cost=1.0, seq=9, priority=1))


@given(
    costs=st.lists(st.floats(0.1, 10), min_size=1, max_size=20),
    lanes=st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 3)), max_size=3),
)
def test_the_last_of_some_jobs_is_done_when_the_forecast_of_all_says_so(
    costs: list[float], lanes: list[tuple[float, float]]
) -> None:
    engines = [Lane(free_in=free_in, pace=pace) for free_in, pace in lanes]

    assert last_of(costs, engines) == pytest.approx(forecast(costs, engines)[-1])
