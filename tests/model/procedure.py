"""The reference, second part: rows 1 to 21 of the procedure, and what each decision changes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import Any, TypeVar

from tests.model.asking import OFFICE, Asking, Over, Question, Waiting
from tests.model.limits import after_months, instant_in
from tests.model.script import Person, Reply

PHASES = ("request", "hosting", "travelling", "visit", "follow_up")
TAKEN = ("proposed", "cleared", "accepted", "confirmed", "attended")
CAME = ("attended", "left_early")
VERDICTS = ("clearance", "acceptance", "travel")

Result = TypeVar("Result")


@dataclass
class Nominee:
    """Somebody nominated, and how far they got."""

    id: str
    person: Person
    standing: str
    replaces: str = ""
    accepted: bool = False
    held: bool = False
    certified: bool = False


class Procedure(Asking):
    """A case that goes its way."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.phase, self.partner = "request", ""
        self.candidates: list[str] = []
        self.called: list[str] = []
        self.released: list[str] = []
        self.widened = False
        self.people: dict[str, Nominee] = {}
        self.groups: dict[str, list[str]] = {}
        self.papers: set[tuple[str, str, str]] = set()
        self.visit_end: date | None = None
        self.came_until: date | None = None
        self.evidence = False
        self.rescheduled: date | None = None
        self.stuck: Over | None = None
        self.tried: set[str] = set()
        self.deferred: list[Question] = []
        self.rounds, self.postponed, self.settled_postponed, self.postponing = 0, 0, 0, False
        self.say("launched", reason="request")
        self.go()

    # Going over the procedure

    def go(self) -> None:
        """Go over the current phase, and on to the next ones, until somebody or an instant is waited for."""
        try:
            while not self.ending:
                if self.stuck is not None:
                    raise self.stuck
                before = self.phase
                self.phases[before]()
                if self.postponing:  # the host has agreed to the new day, or is still to be asked
                    self.phase, self.postponing = ("travelling", False) if before == "hosting" else (self.phase, True)
                else:
                    self.phase = PHASES[PHASES.index(before) + 1]
                    self.forget_groups()
                    self.say("continued", reason=self.phase)
        except Waiting:
            self.open_questions()
        except Over as over:
            self.end(over)

    @property
    def phases(self) -> dict[str, Callable[[], None]]:
        """What is done in each phase."""
        works = (self.request_phase, self.hosting, self.travelling, self.visit_phase, self.follow_up)
        return dict(zip(PHASES, works, strict=True))

    def forget_groups(self) -> None:
        """Who is treated together is seen anew."""
        self.groups.clear()
        self.rounds = 0

    def end(self, over: Over) -> None:
        """What is open is called off."""
        self.ending, self.resting, self.held = over.ending, None, None
        for question in self.questions:
            if question.is_open:
                question.state = "withdrawn"
        if over.ending.startswith("closed"):
            self.issue("closure_note", self.request.requesting)
        self.say("ended", reason=over.ending)

    def side_by_side(self, works: Iterable[Callable[[], Result]]) -> list[Result]:
        """Several things at once.

        Raises:
            Waiting: one of them waits.
        """
        results, waits = [], False
        for work in works:
            try:
                results.append(work())
            except Waiting:
                waits = True
        if waits:
            raise Waiting
        return results

    def issue(self, kind: str, to: str, about: str = "") -> None:
        """A paper is issued, once as long as it stands."""
        if (kind, to, about) not in self.papers:
            self.papers.add((kind, to, about))
            self.say("issued", reason=kind)

    def rest(self, country: str, day: date, clock: str) -> None:
        """Wait for a day and time.

        Raises:
            Waiting: it has not come.
        """
        instant = instant_in(country, day, self.rules[clock])
        if self.now < instant:
            self.resting = instant
            raise Waiting

    # Rows 1 to 4

    def request_phase(self) -> None:
        """The request is checked, consulted on and decided."""
        requesting, country = self.request.requesting, self.rules["office"]["country"]
        self.issue("acknowledgement", requesting)
        check = self.ask("completeness", OFFICE, country)
        while check.option == "return":
            correction = self.ask("correction", requesting, round=check.round)
            if correction.option == "withdraw":
                raise Over("withdrawn", "withdrawn_by_requester")
            self.unless_silent(correction)
            check = self.ask("completeness", OFFICE, country, round=check.round + 1, before=check)
        self.unless_silent(check)
        consultees = [c for c in self.rules["consultees"] if c["institution"] != requesting]
        opinions = self.side_by_side([partial(self.ask, "consultation", c["institution"]) for c in consultees])
        for consultee, opinion in zip(consultees, opinions, strict=True):
            if consultee.get("veto") and opinion.option == "object" and not self.waives("veto"):
                self.reject("veto")
        decision = self.ask("decision", OFFICE, country)
        while decision.option == "defer":
            decision = self.ask("decision", OFFICE, country, round=decision.round + 1)
        self.unless_silent(decision)
        if decision.option == "reject":
            self.reject("criteria")
        self.issue("decision_letter", requesting)

    def unless_silent(self, question: Question) -> None:
        """Silence where nobody is left to ask ends the case."""
        if question.state == "lapsed":
            raise Over("lapsed", f"nobody_answered:{question.kind}")

    def reject(self, reason: str) -> None:
        """The programme rejects, with a letter."""
        self.issue("decision_letter", self.request.requesting)
        raise Over("rejected", reason)

    # Rows 5 and 6

    @property
    def host(self) -> str:
        """Who receives."""
        return self.partner if self.format == "study_visit" else self.request.requesting

    @property
    def sending(self) -> str:
        """Whose people travel."""
        return self.request.requesting if self.format == "study_visit" else self.partner

    def hosting(self) -> None:
        """Hosts are called in their order until one offers and agrees."""
        if not self.candidates:
            call = self.rules["call"]
            others = [host for host in self.hosts if host != self.request.requesting]
            self.candidates = others[: call["first"] + call["widened"]]
        self.candidates += [code for code in self.called if code not in self.candidates]
        for round, batch in self.batches():
            if round == 2 and not self.widened and not self.called_again():
                self.say("widened")
            offers = self.side_by_side([partial(self.ask, "host_offer", h, round=r) for r, h in batch])
            for offer in offers:
                start = offer.decided.facts.get("start") if offer.decided else None
                timely = offer.asked == self.partner or self.rescheduled or (start and start > self.at.date())
                if offer.option == "offer" and offer.asked not in self.released and timely and self.agrees(offer):
                    return
        raise Over("no_host", "no_offer")

    def called_again(self) -> bool:
        """Whether the call was widened already."""
        return any(q.kind == "host_offer" and q.round == 2 and q.counts for q in self.questions)

    def batches(self) -> Iterator[tuple[int, list[tuple[int, str]]]]:
        """Who is called side by side; everybody left at once when a coordinator widened the call."""
        call = self.rules["call"]
        ranked = [(1 if n < call["first"] else 2, code) for n, code in enumerate(self.candidates)]
        if self.widened:
            yield 0, [(round, code) for round, code in ranked if code not in self.released]
            return
        for round in (1, 2):
            of_round = [one for one in ranked if one[0] == round]
            for n in range(0, len(of_round), call["at_once"]):
                batch = [one for one in of_round[n : n + call["at_once"]] if one[1] not in self.released]
                if batch:
                    yield round, batch

    def agrees(self, offer: Question) -> bool:
        """The host agrees to the terms of reference; who does not is out of the call."""
        assert offer.decided is not None
        others = [q for q in self.questions if q.counts and q.option == "offer" and q.asked not in self.released]
        new, self.partner = self.partner != offer.asked, offer.asked
        self.visit = self.rescheduled or offer.decided.facts["start"]
        assert self.visit is not None
        self.visit_end = self.visit + timedelta(days=self.days - 1)
        if new and len(others) > 1:
            self.say("selected", offer, about=offer.asked)
        if not self.affordable(offer):
            return self.drop(offer)
        self.issue("terms_of_reference", self.host)
        agreement = self.ask("host_agreement", self.host, round=offer.round, about=(offer.asked,), paper="terms_of_reference")
        if agreement.option != "agree":
            return self.drop(offer)
        self.issue("hosting_agreement", self.host)
        return True

    def drop(self, offer: Question) -> bool:
        """An offer is not taken."""
        self.released.append(offer.asked)
        self.by = self.by_step = {"reason": "host_withdrew"}
        self.lose_host()
        return False

    @abstractmethod
    def lose_host(self) -> None:
        """What was agreed with a host no longer stands."""

    def without_host(self) -> None:
        """No host, no dates."""
        self.partner, self.visit, self.visit_end, self.rescheduled = "", None, None, None

    def void_papers(self, *kinds: str, about: Iterable[str] = ()) -> None:
        """Papers no longer stand; only those about somebody, where it is said about whom."""
        people = set(about)
        self.papers -= {paper for paper in self.papers if paper[0] in kinds and (not people or paper[2] in people)}

    def affordable(self, offer: Question) -> bool:
        """What exceeds the ceiling is for the donor to approve."""
        assert offer.decided is not None
        if not self.request.ceiling or offer.decided.facts.get("cost", 0) <= self.request.ceiling or self.waives("budget"):
            return True
        donor = next((c["institution"] for c in self.rules["consultees"] if c.get("veto")), OFFICE)
        country, about = self.rules["office"]["country"] if donor == OFFICE else donor[:2], ("budget", offer.asked)
        if not any(q.counts and q.label[:3] == ("decision", donor, about) and q.round == offer.round for q in self.questions):
            self.say("over_budget", offer, about=offer.asked)
        return self.ask("decision", donor, country, round=offer.round, about=about).option == "approve" or self.waives("budget")

    # Rows 7 to 13

    def standing(self, *standings: str) -> list[Nominee]:
        """Those who got so far."""
        return [one for one in self.people.values() if one.standing in standings]

    def pending(self) -> list[Nominee]:
        """Those who are still to be cleared and accepted, with who takes the places of those who fell away."""
        travelled = {q.asked for q in self.questions if q.kind == "travel" and q.counts}
        away = self.standing("refused", "visa_refused", "unavailable")
        fallen = [one for one in away if one.standing != "unavailable" or one.id in travelled]
        self.tried -= {one.id for one in fallen}
        self.replacements(fallen)
        return self.standing("proposed", "cleared")

    def is_unreplaced(self, one: Nominee) -> bool:
        """Whether nobody was sought for their place yet."""
        return one.id not in self.tried and not any(other.replaces == one.id for other in self.people.values())

    def group(self, key: str, found: Callable[[], list[Nominee]]) -> list[Nominee]:
        """People who are treated together from now on."""
        if key not in self.groups:
            self.groups[key] = [one.id for one in found()]
        return [self.people[id] for id in self.groups[key]]

    def travelling(self) -> None:
        """Places are filled, participants made ready."""
        for question in self.deferred:
            if question.counts:
                self.take_effect(question)
        self.deferred.clear()
        if self.stuck is not None:
            raise self.stuck
        if not self.postponed:
            self.nominate(1)
        if not any(q.kind == "agenda" and q.counts for q in self.questions):
            self.clear_and_accept("first", self.pending)
            self.unless_nobody_is_left()
        while not self.postponing:
            if self.rounds:
                self.unless_nobody_is_left()
                if self.postponing:
                    return
            accepted = self.group(f"accepted {self.rounds}", lambda: self.standing("accepted"))
            pending = self.group(f"pending {self.rounds}", self.pending)
            learning = self.group(f"learning {self.rounds}", lambda: self.standing("accepted", "confirmed"))
            self.invite(accepted)
            works: list[Callable[[], Any]] = [partial(self.travel, one) for one in accepted]
            works += [partial(self.join, f"pending {self.rounds}", self.pending)] if pending else []
            works += [self.provide_agenda]
            works += [partial(self.ask, "cascading_plan", code) for code in self.learners(learning)]
            self.side_by_side(works)
            self.rounds += 1
            if self.standing("confirmed"):
                return

    def nominate(self, round: int) -> None:
        """Up to the places, and to a country's share of them; the others wait in reserve."""
        nomination = self.ask("nomination", self.sending, round=round)
        if nomination.state == "lapsed":
            raise Over("lapsed", "places_forfeited")
        if nomination.option == "decline":
            raise Over("withdrawn" if self.format == "study_visit" else "cancelled", "sending_institution_declined")
        assert nomination.decided is not None
        known = {one.person.person for one in self.people.values()}
        new = [p for p in sorted(nomination.decided.facts["nominees"], key=lambda p: p.substitute) if p.person not in known]
        for person in new:
            one = self.enter(person)
            if one.standing == "reserve":
                self.say("reserved", about=one.id, reason="substitute" if person.substitute else "places_taken")
        if new and nomination.decided.facts.get("one_sided"):
            self.say("warned", nomination, reason="one_sided")

    def enter(self, person: Person, replaces: str = "") -> Nominee:
        """Somebody is nominated."""
        waits = person.substitute or not self.has_place(person.country)
        one = Nominee(f"N{len(self.people) + 1}", person, "reserve" if waits else "proposed", replaces)
        self.people[one.id] = one
        return one

    def has_place(self, country: str) -> bool:
        """Whether one more of that country can be proposed."""
        taken = self.standing(*TAKEN)
        share = self.rules["request"]["places_per_country"]
        return len(taken) < self.places and sum(one.person.country == country for one in taken) < share

    def clear_and_accept(self, key: str, found: Callable[[], list[Nominee]]) -> None:
        """Clearance by country, then acceptance by the host; whoever falls away is replaced, as far as there is somebody."""
        people = self.group(key, found)
        while people:
            proposed = [one for one in people if one.standing == "proposed"]
            countries = sorted({one.person.country for one in proposed})
            self.side_by_side([partial(self.clear, c, proposed) for c in countries])
            cleared = [one for one in people if one.standing == "cleared"]
            if cleared:
                self.ask_about("acceptance", self.host, self.host[:2], cleared)
            people = self.replacements([one for one in people if one.standing == "refused"])
            self.groups[key] += [one.id for one in people]
            people = self.group(key, found) if people else []

    def clear(self, country: str, proposed: list[Nominee]) -> None:
        """The national focal point clears its people."""
        people = [one for one in proposed if one.person.country == country]
        self.ask_about("clearance", self.focal_points.get(country, OFFICE), country, people)

    def ask_about(self, kind: str, asked: str, country: str, people: list[Nominee]) -> None:
        """People about whom nobody is asked yet are asked about together; always waits, for a verdict changes their standing.

        Raises:
            Waiting: always.
        """
        about = {id for q in self.questions if q.kind == kind and q.is_open for id in q.label.about}
        new = tuple(one.id for one in people if one.id not in about)
        if new:
            self.ask(kind, asked, country, about=new)
        raise Waiting

    def replacements(self, fallen: list[Nominee]) -> list[Nominee]:
        """Those who take the places of the fallen, each tried for once."""
        found = []
        for old in fallen:
            if self.is_unreplaced(old):
                self.tried.add(old.id)
                new = self.from_reserve()
                if new is not None:
                    new.standing, new.replaces = "proposed", old.id
                    self.say("replaced", about=new.id, reason=old.id)
                    found.append(new)
        return found

    def from_reserve(self) -> Nominee | None:
        """Who takes a place that is free: named substitutes first, then by rank."""
        waiting = sorted(self.standing("reserve"), key=lambda one: not one.person.substitute)
        return next((one for one in waiting if self.has_place(one.person.country)), None)

    def unless_nobody_is_left(self) -> None:
        """When nobody can travel the coordinator postpones the visit, or cancels."""
        for round in count(1):
            asked = next((q for q in self.questions if q.label[2] == ("postpone",) and q.counts and q.round == round), None)
            if (asked is None or asked.is_open) and self.standing("accepted", "confirmed"):
                return
            decision = self.ask("decision", OFFICE, self.rules["office"]["country"], round=round, about=("postpone",))
            if decision.option != "defer":
                if decision.option != "approve":
                    raise Over("cancelled", "nobody_can_travel")
                if self.settled_postponed < round:
                    self.postpone(decision)
                    if self.postponing:
                        return
                    self.settled_postponed = round

    def postpone(self, decision: Question) -> None:
        """Another first day: the host agrees to it, the sending institution nominates again."""
        assert decision.decided is not None
        if self.postponed < decision.round:
            self.postponed = decision.round
            self.say("rescheduled", reason="postponed")
            self.move_visit(decision.decided.facts["start"], "postponed")
            self.postponing = self.phase == "hosting"
            if self.postponing:
                return
        self.nominate(decision.round + 1)
        self.clear_and_accept(f"postponed {decision.round}", self.pending)

    @abstractmethod
    def move_visit(self, start: date, reason: str) -> None:
        """The visit has another first day."""

    def learners(self, people: Iterable[Nominee]) -> list[str]:
        """Who passes the knowledge on."""
        visits = self.format == "study_visit"
        return sorted({one.person.institution for one in people}) if visits else [self.request.requesting]

    def invite(self, people: Iterable[Nominee]) -> None:
        """Invitation and visa support letter."""
        for one in people:
            if one.standing in ("accepted", "confirmed"):
                self.issue("invitation_letter", one.id, one.id)
                self.issue("visa_support_letter", one.id, one.id)

    def travel(self, one: Nominee) -> None:
        """Somebody makes ready to travel; who cannot is replaced."""
        if one.standing == "accepted":
            self.ask("travel", one.id, one.person.country, about=(one.id,))
        if one.standing in ("visa_refused", "unavailable"):
            self.join(f"instead of {one.id}", lambda: self.replacements([one]))

    def join(self, key: str, found: Callable[[], list[Nominee]]) -> None:
        """Those who come later are cleared and accepted, invited and made ready."""
        self.clear_and_accept(key, found)
        new = [one for one in self.group(key, found) if one.accepted]
        self.invite(new)
        works: list[Callable[[], Any]] = [partial(self.travel, one) for one in new]
        works += [partial(self.ask, "cascading_plan", code) for code in self.learners(new)] if new else []
        self.side_by_side(works)

    def provide_agenda(self) -> None:
        """The host's agenda."""
        if self.ask("agenda", self.host).option == "provide":
            self.issue("agenda", self.sending)

    # Rows 14 to 21

    def visit_phase(self) -> None:
        """The visit takes place; attendance, evaluations, reports, certificates, plans."""
        assert self.visit_end is not None
        host = self.host
        self.rest(host[:2], self.visit_end, "closing_time")
        asked = next((q for q in self.questions if q.kind == "attendance" and q.counts), None)
        about = tuple(one.id for one in self.standing("confirmed"))
        self.unless_silent(self.outcome_of(asked) if asked else self.ask("attendance", host, about=about))
        people = self.standing(*CAME)
        if not people:
            raise Over("cancelled", "nobody_attended")
        works: list[Callable[[], Any]] = [partial(self.certify, one) for one in people]
        works += [lambda: self.ask("evaluation", host)]
        works += [partial(self.plan_transfer, code) for code in self.learners(people)]
        self.side_by_side(works)

    def certify(self, one: Nominee) -> None:
        """The certificate follows evaluation and accepted report."""
        asked = lambda: self.ask("evaluation", one.id, one.person.country).option == "submit"  # noqa: E731
        evaluated, reported = self.side_by_side([asked, lambda: self.report(one)])
        if (evaluated and reported) or self.waives("certificate", one.id):
            self.issue_certificate(one)
        elif not one.held:
            one.held = True
            self.say("certificate_held", about=one.id, reason="no_evaluation" if reported else "no_report")

    def issue_certificate(self, one: Nominee) -> None:
        """Once."""
        if not one.certified:
            one.certified, one.held = True, False
            self.issue("certificate", one.id, one.id)
            self.say("certified", about=one.id)

    def report(self, one: Nominee) -> bool:
        """Whether a report was accepted; a returned one is asked for again."""
        for round in range(1, self.rules["report"]["returns_max"] + 2):
            report = self.ask("report", one.id, one.person.country, round=round)
            if report.decided is None:
                return False
            country = self.rules["office"]["country"]
            review = self.ask("report_review", OFFICE, country, round=round, about=(one.id,), paper="report")
            if review.option != "return":
                return review.option == "accept"
        return False

    def plan_transfer(self, code: str) -> None:
        """The plan to pass the knowledge on."""
        if self.ask("transfer_plan", code).decided is not None:
            self.issue("transfer_plan", code, code)

    def follow_up(self) -> None:
        """What became of it, months later."""
        people = self.standing(*CAME)
        for one in people:
            if one.held and self.waives("certificate", one.id):
                self.issue_certificate(one)
        learners = self.learners(people)
        assert self.came_until is not None
        for round, months in enumerate(self.rules["follow_up"]["months"], start=1):
            self.rest(learners[0][:2], after_months(self.came_until, months), "reminder_time")
            self.side_by_side([partial(self.ask, "follow_up", code, round=round) for code in learners])
        found = any(q.kind == "follow_up" and q.counts and q.decided and q.decided.facts.get("evidence") for q in self.questions)
        raise Over("closed" if found else "closed_without_evidence", "")

    # What a decision changes at once

    def take_effect(self, question: Question) -> None:
        """The standing of the people a step was about, the actual dates of the visit."""
        if question.kind in VERDICTS and self.phase != "travelling":
            self.deferred.append(question)  # an earlier phase is gone over again: it is heard when its turn comes
            return
        facts = question.decided.facts if question.decided else {}
        verdicts, people = facts.get("verdicts", {}), [self.people[id] for id in question.label.about if id in self.people]
        match question.kind, question.option:
            case ("clearance" | "acceptance") as kind, option:
                before, after = ("proposed", "cleared") if kind == "clearance" else ("cleared", "accepted")
                for one in [one for one in people if one.standing == before]:
                    refused = option == "refuse" or verdicts.get(one.id) == "refused"
                    one.standing = "unavailable" if not option else "refused" if refused else after
                    one.accepted = one.standing == "accepted"
                if not option and not self.standing(*TAKEN):
                    self.stuck = Over("lapsed", f"nobody_answered:{kind}")
            case "travel", option:
                for one in people:
                    one.standing = {"ready": "confirmed", "visa_refused": "visa_refused"}.get(option, "unavailable")
            case "attendance", "confirm":
                for one in people:
                    one.standing = verdicts.get(one.id, "attended")
                self.came_until = facts.get("end") or self.visit_end

    def breaks_a_rule(self, question: Question, reply: Reply) -> str:
        """The rules of a kind of step."""
        facts = reply.facts
        match question.kind, reply.option:
            case "decision", "approve" if question.label.about == ("postpone",):
                return "required" if facts.get("start") is None else "past" if facts["start"] <= reply.at.date() else ""
            case "decision", "approve" if not question.label.about and not self.waives("threshold"):
                weights = self.rules["decision"]["weights"]
                total = round(sum(weight * facts.get("scores", {}).get(name, 0) / 5 for name, weight in weights.items()))
                return "threshold" if total < self.rules["decision"]["threshold"] else ""
            case "decision", "defer":
                return "too_many" if question.round > self.rules["decision"]["defers_max"] else ""
            case "completeness", "return":
                return "too_many" if question.round > self.rules["request"]["corrections_max"] else ""
            case "host_offer", "offer":
                return self.unfit(facts.get("start"), reply.at.date())
            case "nomination", "nominate":
                people = [person.person for person in facts["nominees"]]
                some = any(not person.substitute for person in facts["nominees"])
                return "too_few" if not some else "same" if len(set(people)) < len(people) else ""
            case (("clearance" | "acceptance" | "attendance"), _):
                return "unknown" if set(facts.get("verdicts", {})) - set(question.label.about) else ""
        return ""

    def unfit(self, start: date | None, today: date) -> str:
        """Why a visit cannot begin on that day."""
        if start is None:
            return "required"
        first = self.request.opened.date() + timedelta(weeks=self.rules["request"]["lead_weeks"])
        last = self.request.latest - timedelta(days=self.days - 1)
        if start <= today:
            return "past"
        return "" if max(first, self.request.earliest) <= start <= last else "outside_periods"
