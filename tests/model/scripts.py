"""Random scripts: what is done next is drawn from what the reference then expects, so that it lands where the rules change.

Drawn values that come first are the usual ones: hypothesis shrinks a failing script towards people who answer at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from models.words import OPTIONS, Kind
from tests.model.asking import OFFICE, Question
from tests.model.foretold import EARLY, Foretold, rules_with
from tests.model.procedure import PHASES
from tests.model.script import Deed, Down, Label, Move, Pass, Person, Reply, Request, Script, Tell, Up

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REQUESTING = ("SN-POSTE", "EG-MOM", "CV-MDC", "MA-POSTE", "DZ-MAE", "LB-MFA")
COUNTRIES = ("MA", "TN", "CV", "EG")
FIRST_DAY = date(2027, 1, 4)
STRANGER = "KE-MFA"
TRIES, MOST_USUAL = 5, 40

Choice = TypeVar("Choice")


class Drawn:
    """A script that is being drawn; `number` draws one between two, the lowest being the simplest."""

    def __init__(self, number: Callable[[int, int], int]) -> None:
        self.number = number
        self.request = self.drawn_request()
        self.changes = self.drawn_rules()
        self.foretold = Foretold(self.request, rules_with(self.changes))
        self.moves: list[Move] = []
        self.now = self.request.opened

    # Drawing

    def one_of(self, choices: list[Choice] | tuple[Choice, ...]) -> Choice:
        """One of several values; the first is the simplest."""
        return choices[self.number(0, len(choices) - 1)]

    def rarely(self) -> bool:
        """True one time in eight."""
        return self.number(0, 7) == 7

    def drawn_request(self) -> Request:
        """A request at any hour of any day."""
        opened = (
            datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
            + self.number(0, 3000) * DAY
            + self.number(9 * 60, 33 * 60) * MINUTE
        )
        earliest = opened.date() + timedelta(weeks=self.number(16, 30))
        return Request(
            opened=opened,
            format=self.one_of(("study_visit", "expert_assignment")),
            requesting=self.one_of(REQUESTING),
            places=4 - self.number(1, 3),
            days=self.number(1, 5),
            earliest=earliest,
            latest=earliest + timedelta(weeks=self.number(2, 12)),
            ceiling=self.one_of((0, 10_000)),
        )

    def drawn_rules(self) -> tuple[tuple[str, Any], ...]:
        """A programme that calls several hosts at once, or few; that gives more time, or none."""
        if self.number(0, 2) == 0:
            return ()
        return (
            ("call.first", self.number(1, 3)),
            ("call.widened", self.number(0, 2)),
            ("call.at_once", self.number(1, 3)),
            ("more_time.times", self.number(0, 2)),
            ("request.places_per_country", 4 - self.number(1, 3)),
            ("report.returns_max", self.number(0, 2)),
            ("decision.defers_max", self.number(0, 2)),
        )

    def make(self, move: Move) -> None:
        """A move is added."""
        self.now = move.at
        self.moves.append(move)
        self.foretold.follow(move)

    # What is there

    @property
    def questions(self) -> list[Question]:
        """All questions so far."""
        return self.foretold.case.questions

    def open(self) -> list[Question]:
        """Those that can be answered."""
        return [q for q in self.questions if q.state in ("open", "paused")]

    def some_question(self) -> Question | None:
        """One that is open, mostly."""
        found = self.open() if self.number(0, 4) < 4 else self.questions
        return self.one_of(found) if found else None

    def when(self, question: Question | None = None) -> datetime:
        """An instant from now on: soon, or where the rules change."""
        soon = self.now + self.one_of((HOUR, MINUTE * 2, DAY, DAY * 3))
        times = question.times if question else None
        turns = [times.due, times.due + EARLY / 5, times.closes, times.closes + EARLY / 5, times.closes - MINUTE] if times else []
        if times:
            turns += [times.due + (times.closes - times.due) / 2, *(tick for tick, _ in times.ticks)]
        return self.clear_of(self.one_of([soon, *(turn for turn in turns if turn >= self.now)]))

    def clear_of(self, instant: datetime) -> datetime:
        """The instant itself, or the next one at which the case acts when that is only seconds away."""
        due = self.foretold.case.next_instant()
        return due if due is not None and timedelta(0) < due - instant <= EARLY * 2 else instant.replace(microsecond=0)

    # What is done

    def answers_as_usual(self) -> None:
        """The first open question is answered within the hour, as mostly; without one, time passes."""
        found = self.open()
        if found:
            self.reply(found[0], next(iter(OPTIONS[Kind(found[0].kind)])), self.clear_of(self.now + HOUR), usual=True, told=True)
        elif not self.foretold.case.ending:
            self.passes(1)

    def answers(self) -> None:
        """Somebody answers something, right or wrong, in time or not."""
        question = self.some_question()
        if question is None:
            return
        options = list(OPTIONS[Kind(question.kind)])
        option = "perhaps" if self.rarely() else self.one_of(options)
        self.reply(question, option, self.when(question), usual=not self.rarely())

    def reply(self, question: Question, option: str, at: datetime, *, usual: bool, told: bool = False) -> None:
        """An answer."""
        by, behalf, proof = question.answering, "", True
        if not usual:
            by = self.one_of((question.answering, question.above or question.asked, question.asked, STRANGER, OFFICE))
            behalf = self.one_of(("", question.asked, question.above, STRANGER)) if by == OFFICE else ""
            proof = not self.rarely()
        elif not told and question.above and self.number(0, 1):
            by = question.above
        self.make(
            Reply(
                at=at,
                step=question.label if usual or not self.rarely() else Label(question.kind, "NOBODY"),
                option=option,
                by=by,
                response=f"response-{len(self.moves):04}",
                behalf=behalf,
                proof=proof,
                paper=usual or not self.rarely(),
                facts=self.facts(question, option, usual),
                told=told or not self.rarely(),
            )
        )

    def answers_again(self) -> None:
        """The same answer comes once more."""
        replies = [move for move in self.moves if isinstance(move, Reply)]
        if replies and self.foretold.is_up:
            again = self.one_of(replies[::-1])
            if again not in self.foretold.case.inbox:
                self.make(Reply(**{**vars(again), "at": again.at if again.at >= self.now else self.now, "told": True}))

    def facts(self, question: Question, option: str, usual: bool) -> dict[str, Any]:
        """What a form says."""
        request, about, odd = self.request, question.label.about, not usual and self.rarely()
        match question.kind, option:
            case "decision", "approve" if about == ("postpone",):
                return {"start": None if odd else self.now.date() + DAY * self.number(0, 200)}
            case "decision", "approve":
                return {"scores": dict.fromkeys(self.foretold.case.rules["decision"]["weights"], 1 if odd else 4)}
            case "host_offer", "offer":
                start = request.earliest + DAY * self.number(0, max(0, (request.latest - request.earliest).days - request.days + 1))
                return {"start": None if odd else start - DAY * 40 * self.rarely(), "cost": self.one_of((0, 20_000))}
            case "nomination", "nominate":
                return {"nominees": self.nominees(odd), "one_sided": self.rarely()}
            case (("clearance" | "acceptance"), _):
                refused = [id for id in about if self.number(0, 3) == 3]
                return {"verdicts": dict.fromkeys([*refused, *(["N99"] if odd else [])], "refused")}
            case "attendance", _:
                return {"verdicts": {id: self.one_of(("attended", "attended", "left_early", "no_show")) for id in about}}
            case "follow_up", _:
                return {"evidence": bool(self.number(0, 1))}
        return {}

    def nominees(self, odd: bool) -> tuple[Person, ...]:
        """People to travel, and substitutes."""
        home, count = self.foretold.case.sending[:2], 0 if odd else self.foretold.case.places - self.number(-1, 1)
        number = len(self.moves)
        countries = [home if self.number(0, 3) < 3 else self.one_of(COUNTRIES) for _ in range(count + self.number(0, 2))]
        people = [Person(f"p-{number}-{n}", f"{country}-OWN", country, n >= count) for n, country in enumerate(countries)]
        return tuple([*people, people[0]] if odd and people else people)

    def passes(self, instants: int = 0) -> None:
        """Time passes over the next instant, or further ones."""
        for _ in range(instants or self.number(1, 3)):
            due = self.foretold.case.next_instant()
            self.make(Pass((due or self.now + DAY) + MINUTE if due is None or due >= self.now else self.now + DAY))

    def passes_the_closing(self) -> None:
        """Nobody answers a question until it closes."""
        found = self.open()
        question = self.one_of(found) if found else None
        if question is not None and question.times is not None and question.times.closes >= self.now:
            self.make(Pass(self.clear_of(question.times.closes + self.one_of((MINUTE, timedelta(0), HOUR)))))

    def worker_stops(self) -> None:
        """Nobody works on the case for a while, perhaps over several instants; answers come in meanwhile."""
        self.make(Down(self.clear_of(self.now + self.one_of((HOUR, DAY)))))
        for _ in range(self.number(0, 3)):
            self.one_of((self.answers, self.answers, self.stands_still))()
        self.stands_still()
        self.make(Up(self.now + MINUTE * 10))

    def stands_still(self) -> None:
        """Time passes while nobody works."""
        found = self.open()
        question = self.one_of(found) if found else None
        self.make(Pass(self.when(question)))

    def delivery(self) -> None:
        """What waits in the inbox is told."""
        self.make(Tell(self.clear_of(self.now + self.one_of((HOUR, DAY)))))

    # Acts

    def acts(self) -> None:
        """Somebody acts, at once or where the rules change; mostly what can be done, now and then what cannot."""
        for _ in range(TRIES):
            do = self.one_of(self.fitting() if self.number(0, 6) else list(self.deeds))
            question = self.answered() if do == "recall" else self.some_question()
            by = (
                OFFICE
                if self.number(0, 3) < 3 or question is None
                else self.one_of((question.answering, question.above or STRANGER))
            )
            label, more = question.label if question else None, self.deeds[do](question)
            deed = Deed(self.when(question), do, by, label, not self.rarely(), more)
            if self.number(0, 5) == 0 or not self.foretold.case.refuses_act(deed):
                self.make(deed)
                return

    def fitting(self) -> list[str]:
        """The acts that the case may be ripe for, those that go back more often."""
        case = self.foretold.case
        found = ["extend", "more_time", "reassign", "delegate", "decline", "hand_over", *("recall", "override") * 3]
        found += ["hold", "hold"] if case.held is None else ["resume"] * 6
        found += ["revoke"] * 2 if any(q.delegate for q in self.open()) else []
        found += ["widen", "convert"] * 3 if case.phase == "hosting" else []
        found += ["reschedule", "replace", "release"] * 3 if case.visit and case.before_visit else []
        return found

    def answered(self) -> Question | None:
        """One that was answered, the last first."""
        found = [q for q in self.questions[::-1] if q.state == "answered" and q.counts]
        return self.one_of(found) if found else self.some_question()

    @property
    def deeds(self) -> dict[str, Callable[[Question | None], dict[str, Any]]]:
        """The acts, and what goes with each."""
        return {
            "extend": lambda question: {"working_days": self.one_of((3, 1, 10, 60, 0, 61))},
            "hold": lambda question: {},
            "resume": lambda question: {},
            "more_time": lambda question: {"working_days": self.one_of((3, 5, 8, 0))},
            "reassign": lambda question: {"to": self.colleague_of(question)},
            "delegate": lambda question: {"to": f"{question.asked}/p-1" if question and not self.rarely() else "KE-MFA/p-1"},
            "revoke": lambda question: {},
            "decline": lambda question: {},
            "recall": lambda question: {},
            "reschedule": self.other_dates,
            "replace": self.another_nominee,
            "release": lambda question: {},
            "widen": lambda question: {"called": self.one_of(((), ("KE-MFA",), ("KE-MFA", "GH-MINT")))},
            "convert": lambda question: {},
            "override": self.rule_set_aside,
            "hand_over": lambda question: {"to": self.one_of(("p-coordinator-1", "p-coordinator-2", ""))},
            "withdraw": lambda question: {},
            "cancel": lambda question: {},
        }

    def colleague_of(self, question: Question | None) -> str:
        """Another institution of the country, or one that cannot be asked."""
        country = question.country if question else "SN"
        return self.one_of((f"{country}-OTHER", OFFICE, "KE-MFA", question.asked if question else ""))

    def other_dates(self, question: Question | None) -> dict[str, Any]:
        """Another first day of the visit, another size."""
        visit = self.foretold.case.visit or self.now.date()
        start = visit + DAY * self.one_of((14, 30, -10, 0, 90))
        more = {"start": start, "days": self.one_of((0, 0, 2, 9)), "places": self.one_of((0, 0, 1, 4))}
        return {} if self.rarely() else more

    def another_nominee(self, question: Question | None) -> dict[str, Any]:
        """Somebody else in the place of a nominee, from the reserve or newly named."""
        home = self.foretold.case.sending[:2]
        known = [*self.foretold.case.people, "N99"]
        new = Person(f"p-{len(self.moves)}", f"{home}-OWN", home)
        person = (
            {}
            if self.number(0, 1)
            else {"nominee": self.one_of([new, *(one.person for one in self.foretold.case.people.values())])}
        )
        return {"nomination": self.one_of(known), "proof": bool(self.number(0, 1)), **person}

    def rule_set_aside(self, question: Question | None) -> dict[str, Any]:
        """A rule, or somebody's answer."""
        rules = ("answer", "places_per_country", "veto", "threshold", "budget", "cut_off", "certificate", "gravity")
        known = ["", *self.foretold.case.people]
        option = next(iter(OPTIONS[Kind(question.kind)])) if question and not self.rarely() else "perhaps"
        return {
            "rule": self.one_of(rules),
            "coordinator": "" if self.rarely() else "p-coordinator-1",
            "nomination": self.one_of(known),
            "proof": bool(self.number(0, 1)),
            "option": option,
            "facts": self.facts(question, option, usual=True) if question else {},
        }


WILD = (
    "answers_as_usual",
    "answers",
    "passes",
    "passes_the_closing",
    "acts",
    "acts",
    "acts",
    "acts",
    "worker_stops",
    "delivery",
    "answers_again",
)


def script_of(number: Callable[[int, int], int], most: int = 12) -> Script:
    """A case that goes its usual way up to some phase, then meets what people do, and is looked at a little longer."""
    drawn = Drawn(number)
    phase, case = drawn.one_of(PHASES), drawn.foretold.case
    while case.phase != phase and not case.ending and len(drawn.moves) < MOST_USUAL:
        drawn.answers_as_usual()
    for _ in range(drawn.number(0, 3)):
        drawn.answers_as_usual()
    for _ in range(drawn.number(1, most)):
        getattr(drawn, drawn.one_of(WILD))()
        if case.ending and drawn.number(0, 1):
            break
    drawn.make(Tell(drawn.clear_of(drawn.now + HOUR)))
    drawn.passes()
    return Script(drawn.request, tuple(drawn.moves), drawn.changes)


@st.composite
def scripts(draw: Callable[[st.SearchStrategy[int]], int]) -> Script:
    """Random scripts; a failing one shrinks towards few people who answer at once."""
    return script_of(lambda low, high: draw(st.integers(low, high)))
