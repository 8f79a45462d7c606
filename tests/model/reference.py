"""The reference, last part: what a coordinator and the asked can do besides answering, when it is refused, and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from models.words import OPTIONS, Kind
from tests.model.asking import OFFICE, Decided, Over, Question
from tests.model.limits import gone_on
from tests.model.procedure import PHASES, TAKEN, Procedure
from tests.model.script import Deed, Person, Reply

BY_THE_ASKED = ("more_time", "delegate", "revoke", "decline", "recall", "release")
NEEDS_NO_REASON = ("resume", "delegate", "revoke")
GOES_BACK = ("recall", "reschedule", "replace", "widen", "convert", "override", "release")
CONSENTS = ("host_offer", "host_agreement", "nomination", "clearance", "acceptance", "travel")
DATED = ("terms_of_reference", "hosting_agreement", "invitation_letter", "visa_support_letter", "agenda")
PAPERS_OF = {
    "decision": ("decision_letter",),
    "host_offer": ("terms_of_reference",),
    "host_agreement": ("hosting_agreement",),
    "agenda": ("agenda",),
    "acceptance": ("invitation_letter", "visa_support_letter"),
    "transfer_plan": ("transfer_plan",),
}
PREPARING = ("travel", "agenda", "cascading_plan")
FOLLOWED_BY = {
    "completeness": ("correction", "consultation", "decision"),
    "correction": ("completeness",),
    "consultation": ("decision",),
    "decision": ("host_offer",),
    "host_offer": ("host_agreement",),
    "host_agreement": ("nomination",),
    "nomination": ("clearance",),
    "clearance": ("acceptance",),
    "acceptance": PREPARING,
    **dict.fromkeys(PREPARING, ("attendance",)),
    "attendance": ("evaluation", "report", "transfer_plan"),
    "report": ("report_review",),
    "report_review": ("report",),
    "transfer_plan": ("follow_up",),
}
"""Which kinds of step rest on the decision of each."""

PHASE_OF = {
    **dict.fromkeys(("completeness", "correction", "consultation", "decision"), "request"),
    **dict.fromkeys(("host_offer", "host_agreement"), "hosting"),
    **dict.fromkeys(("nomination", "clearance", "acceptance", *PREPARING), "travelling"),
    **dict.fromkeys(("attendance", "evaluation", "report", "report_review", "transfer_plan"), "visit"),
    "follow_up": "follow_up",
}
BEFORE_VERDICT = {
    "clearance": ("proposed", ("cleared", "refused")),
    "acceptance": ("cleared", ("accepted", "refused")),
    "travel": ("accepted", ("confirmed", "visa_refused", "unavailable")),
    "attendance": ("confirmed", ("attended", "left_early", "no_show")),
}


class Reference(Procedure):
    """A case as the rules say it goes."""

    coordinator = ""
    held_since = date.min

    def act(self, deed: Deed) -> str:
        """Somebody acts; empty when it was done, else the code with which it is refused."""
        refusal = self.refuses_act(deed)
        if refusal:
            return refusal
        self.advance(deed.at)
        question = self.find(deed.step)
        own = deed.by != OFFICE or deed.do not in BY_THE_ASKED
        self.by = {"by": deed.more.get("coordinator") or deed.by}
        self.by_step = self.by | {"on_behalf_of": "" if own or question is None else question.answering}
        getattr(self, f"do_{deed.do}")(deed, question)
        if deed.do in GOES_BACK:
            self.forget_groups()
            self.resting, self.postponing = None, False
        self.go()
        return ""

    def refuses_act(self, deed: Deed) -> str:
        """Why an act cannot be done now; empty when it can."""
        if self.ending:
            return "ended"
        if deed.by != OFFICE and deed.do not in BY_THE_ASKED:
            return "not_office"
        if not deed.reason and deed.do not in NEEDS_NO_REASON:
            return "no_reason"
        check: Callable[[Deed, Question | None], str] = getattr(self, f"may_{deed.do}", lambda deed, question: "")
        return check(deed, self.find(deed.step))

    def happened(self, verb: str, question: Question | None = None, about: str = "") -> None:
        """What an act did."""
        self.say(verb, question, about=about, **(self.by_step if question else self.by))

    def set_aside(self, falls: Callable[[Question], bool]) -> None:
        """Open questions are withdrawn, outcomes no longer count."""
        fallen = [q for q in self.questions if q.counts and falls(q)]
        hosts = {q.asked for q in fallen if q.kind == "host_offer"}
        costs = [q for q in self.questions if q.counts and self.subject(q) == "budget" and q.label.about[1] in hosts]
        for question in [*fallen, *(q for q in costs if q not in fallen)]:
            question.state = "withdrawn" if question.is_open else question.state
            question.void = True
            self.happened("set_aside", question)

    def back_to(self, phase: str) -> None:
        """The procedure goes on from an earlier phase."""
        self.phase = min(self.phase, phase, key=PHASES.index)

    @property
    def before_visit(self) -> bool:
        """Whether nobody has yet been asked who attended."""
        return not any(q.kind == "attendance" and q.counts for q in self.questions)

    def begun(self, deed: Deed) -> bool:
        """Whether the first day of the visit has come."""
        return self.visit is not None and deed.at.date() >= self.visit

    # What is asked of an open step

    def open_step(self, question: Question | None) -> str:
        """Only an open step whose clock runs is changed."""
        if question is None:
            return "unknown_step"
        if self.held is not None:
            return "on_hold"
        return "" if question.state == "open" else "closed"

    def asked_step(self, deed: Deed, question: Question | None) -> str:
        """Those asked, or the office for them."""
        refusal = self.open_step(question)
        if not refusal and question and deed.by not in (OFFICE, question.asked, question.delegate, question.above):
            return "not_asked"
        return refusal

    def out_of_range(self, deed: Deed) -> str:
        """1 to 60 working days."""
        return "" if 1 <= deed.more.get("working_days", 0) <= 60 else "out_of_range"

    def in_person(self, question: Question | None) -> bool:
        """Whether a step is for a person, not for an institution."""
        return question is not None and question.asked in self.people

    # Time

    def may_extend(self, deed: Deed, question: Question | None) -> str:
        """An open step."""
        return self.open_step(question) or self.out_of_range(deed)

    def do_extend(self, deed: Deed, question: Question) -> None:
        """Working days are added."""
        question.wanted_days = 0
        self.happened("extended", question)
        self.extend(question, deed.more["working_days"])

    def may_more_time(self, deed: Deed, question: Question | None) -> str:
        """Once, until the coordinator has said."""
        refusal = self.asked_step(deed, question)
        return refusal or ("already_asked" if question and question.wanted_days else self.out_of_range(deed))

    def do_more_time(self, deed: Deed, question: Question) -> None:
        """What the rules give is given at once."""
        given, days = self.rules["more_time"], deed.more["working_days"]
        if days <= given["working_days"] and question.grants < given["times"]:
            question.grants += 1
            self.do_extend(deed, question)
        else:
            question.wanted_days = days
            self.happened("asked_for_time", question)

    def may_hold(self, deed: Deed, question: Question | None) -> str:
        """Once."""
        return "on_hold" if self.held is not None else ""

    def do_hold(self, deed: Deed, question: Question | None) -> None:
        """Every clock stops."""
        self.held_since = self.at.date()
        self.held = self.at + timedelta(days=self.rules["patience"]["hold_review_days"])
        self.happened("held")
        for one in self.questions:
            if one.state == "open":
                one.state, one.stopped = "paused", self.at
                self.happened("paused", one)

    def may_resume(self, deed: Deed, question: Question | None) -> str:
        """A visit whose day has passed meanwhile is rescheduled first."""
        if self.held is None:
            return "not_on_hold"
        before = self.visit is not None and self.held_since < self.visit
        return "visit_passed" if self.before_visit and before and self.begun(deed) else ""

    def do_resume(self, deed: Deed, question: Question | None) -> None:
        """Every clock goes on with what it had left; what was to open opens now."""
        self.held = None
        self.happened("resumed")
        for one in self.questions:
            if one.state == "opening":
                one.opened = self.at
            if one.state == "paused":
                self.happened("resumed", one)
                one.state = "open"
                if one.anew or one.stopped is None or one.times is None:
                    self.begin_anew(one)
                else:
                    one.times, one.done = gone_on(self.term(one), one.times, one.stopped), 0
                one.anew, one.stopped = False, None

    # Whom a step is put to

    def may_reassign(self, deed: Deed, question: Question | None) -> str:
        """To another institution of the country, or to the office."""
        refusal, to = self.open_step(question), deed.more.get("to", "")
        if refusal or question is None:
            return refusal
        if self.in_person(question):
            return "bound_to_person"
        if question.asked == OFFICE:
            return "bound_to_office"
        if to in ("", question.asked, question.above):
            return "already_asked"
        if question.kind in ("host_offer", "host_agreement"):
            return "bound_to_host"
        return "other_country" if question.kind != "consultation" and to != OFFICE and to[:2] != question.country else ""

    def do_reassign(self, deed: Deed, question: Question) -> None:
        """They get a limit of their own calendar."""
        self.happened("reassigned", question, about=deed.more["to"])
        question.asked, question.delegate, question.wanted_days = deed.more["to"], "", 0
        question.country = self.rules["office"]["country"] if question.asked == OFFICE else question.asked[:2]
        self.begin_anew(question)

    def may_delegate(self, deed: Deed, question: Question | None) -> str:
        """To a colleague."""
        refusal = self.open_step(question)
        if refusal or question is None:
            return refusal
        if deed.by not in (OFFICE, question.asked):
            return "not_asked"
        if question.asked == OFFICE:
            return "bound_to_office"
        if self.in_person(question):
            return "bound_to_person"
        if question.delegate:
            return "delegated"
        return "" if deed.more.get("to", "").startswith(f"{question.asked}/") else "not_a_colleague"

    def do_delegate(self, deed: Deed, question: Question) -> None:
        """The colleague answers."""
        self.happened("delegated", question, about=deed.more["to"])
        question.delegate = deed.more["to"]

    def may_revoke(self, deed: Deed, question: Question | None) -> str:
        """By who delegated."""
        refusal = self.open_step(question)
        if refusal or question is None:
            return refusal
        if not question.delegate:
            return "not_delegated"
        return "" if deed.by in (OFFICE, question.asked) else "not_asked"

    def do_revoke(self, deed: Deed, question: Question) -> None:
        """The one asked answers again."""
        self.happened("delegation_ended", question, about=question.delegate)
        question.delegate = ""

    def may_decline(self, deed: Deed, question: Question | None) -> str:
        """By those asked; by the one above, once it has moved up."""
        refusal = self.asked_step(deed, question)
        if refusal or question is None:
            return refusal
        return "not_asked" if question.above and deed.by not in (OFFICE, question.above) else ""

    def do_decline(self, deed: Deed, question: Question) -> None:
        """What silence would lead to happens now."""
        self.happened("passed_on", question)
        self.close(question, self.at)

    # Endings, another coordinator

    def may_withdraw(self, deed: Deed, question: Question | None) -> str:
        """Before the visit."""
        return "visit_begun" if self.phase in ("visit", "follow_up") and self.begun(deed) else ""

    def do_withdraw(self, deed: Deed, question: Question | None) -> None:
        """The requester withdraws."""
        self.call_off("withdrawn")

    def do_cancel(self, deed: Deed, question: Question | None) -> None:
        """The programme cancels."""
        self.call_off("cancelled")

    def call_off(self, ending: str) -> None:
        """The case ends."""
        self.happened("called_off")
        self.stuck = Over(ending, "")

    def may_hand_over(self, deed: Deed, question: Question | None) -> str:
        """To somebody else."""
        return "already_asked" if deed.more.get("to", "") in ("", self.coordinator) else ""

    def do_hand_over(self, deed: Deed, question: Question | None) -> None:
        """Another coordinator looks after the case."""
        self.coordinator = deed.more["to"]
        self.happened("handed_over", about=self.coordinator)

    # Going back

    def resting_on(self, question: Question) -> list[Question]:
        """What was asked later because of a decision, about the same people where both are about people."""
        kinds = {"host_offer" if self.subject(question) else question.kind}
        while more := {kind for done in kinds for kind in FOLLOWED_BY.get(done, ())} - kinds:
            kinds |= more
        later = self.questions[self.questions.index(question) + 1 :]
        return [
            q
            for q in later
            if q.counts
            and q.kind in kinds
            and (not (self.of(question) and self.of(q)) or self.of(question) & self.of(q))
            and not (q.kind == question.kind and q.round <= question.round)
        ]

    def subject(self, question: Question) -> str:
        """What a decision is about, other than the request."""
        about = question.label.about[:1]
        return about[0] if question.kind == "decision" and about else ""

    def of(self, question: Question) -> set[str]:
        """The people a step is about."""
        return {code for code in (*question.label.about, question.asked) if code in self.people}

    def may_recall(self, deed: Deed, question: Question | None) -> str:
        """Until something that rests on it was decided."""
        if question is None:
            return "unknown_step"
        if question.state != "answered" or not question.counts or question.decided is None:
            return "not_decided"
        own = (question.asked, question.decided.by, question.decided.behalf)
        if deed.by != OFFICE and (deed.by not in own or question.decided.how == "overridden"):
            return "not_asked"
        if PHASE_OF[question.kind] not in ("visit", "follow_up") and (not self.before_visit or self.begun(deed)):
            return "visit_begun"
        if question.kind in ("host_offer", "host_agreement"):
            host = question.label.about or (question.asked,)
            agreements = [q for q in self.questions if q.kind == "host_agreement" and q.counts and q.label.about != host]
            if any(q.is_open or q.option == "agree" for q in agreements):
                return "depended_on"
        if any(q.state == "answered" for q in self.resting_on(question)):
            return "depended_on"
        if PHASE_OF[question.kind] == "visit" and any(self.people[id].certified for id in self.of(question)):
            return "certified"
        follows = question.kind == "follow_up" and any(q.kind == "follow_up" and q.round > question.round for q in self.questions)
        return "depended_on" if follows else ""

    def do_recall(self, deed: Deed, question: Question) -> None:
        """The question is put again; what rests on it is put aside."""
        rests = self.resting_on(question)
        self.happened("recalled", question)
        hosts = {question.asked} if question.kind == "host_offer" else set()
        self.set_aside(lambda q: q in rests or (self.subject(q) == "budget" and q.label.about[1] in hosts))
        question.void = True
        taken_over = {one.replaces for one in self.people.values()}
        if question.kind in BEFORE_VERDICT:
            before, after = BEFORE_VERDICT[question.kind]
            for one in [self.people[id] for id in self.of(question) - taken_over]:
                one.standing = before if one.standing in after else one.standing
        if question.kind == "nomination" and question.decided:
            for one in self.people.values():
                if one.person in question.decided.facts["nominees"]:
                    one.standing = "withdrawn"
        if question.kind in ("host_offer", "host_agreement"):
            self.released = [code for code in self.released if code not in (question.asked, *question.label.about)]
            self.partner, self.visit, self.visit_end = "", None, None
        subject = self.subject(question)
        if not subject:
            people = {question.label.asked} if question.kind == "transfer_plan" else self.of(question)
            self.void_papers(*PAPERS_OF.get(question.kind, ()), about=people)
        if subject == "postpone":
            self.postponed = self.settled_postponed = question.round - 1
        self.back_to({"budget": "hosting", "postpone": "travelling"}.get(subject, PHASE_OF[question.kind]))

    def may_reschedule(self, deed: Deed, question: Question | None) -> str:
        """Agreed dates are changed, before the visit."""
        start, days, places = (deed.more.get(name) for name in ("start", "days", "places"))
        if self.visit is None:
            return "no_dates"
        if not self.before_visit or ((self.held is None or self.held_since >= self.visit) and self.begun(deed)):
            return "visit_begun"
        if start is None or start <= deed.at.date():
            return "required" if start is None else "past"
        low, high = self.rules["request"]["duration_min_days"], self.rules["request"]["duration_max_days"]
        if not low <= (days or self.days) <= high or not 1 <= (places or self.places) <= self.places:
            return "out_of_range"
        same = (start, days or self.days, places or self.places) == (self.visit, self.days, self.places)
        return "same" if same else ""

    def do_reschedule(self, deed: Deed, question: Question | None) -> None:
        """Other dates, another size."""
        self.days, self.places = deed.more.get("days") or self.days, deed.more.get("places") or self.places
        self.happened("rescheduled")
        self.move_visit(deed.more["start"], "")
        for one in self.standing(*TAKEN)[self.places :]:
            one.standing = "reserve"
            self.happened("reserved", about=one.id)

    def move_visit(self, start: date, reason: str) -> None:
        """What depends on dates is asked again; limits that do move along."""
        if reason:
            self.by = self.by_step = {"reason": reason}
        reopened = self.rules["reschedule"]["reopens"]
        self.rescheduled = self.visit = start
        self.visit_end = start + timedelta(days=self.days - 1)
        self.set_aside(lambda q: q.kind in reopened)
        for question in self.questions:
            rule = self.rules["steps"][question.kind]
            if question.is_open and (rule.get("before_visit") or rule["limit"].get("anchor", "opening") != "opening"):
                question.visit = start
                if question.state == "open":
                    self.begin_anew(question)
                elif question.state == "paused":
                    question.anew, question.stopped = True, None
        self.void_papers(*DATED)
        if "travel" in reopened:
            for one in self.standing("confirmed"):
                one.standing = "accepted"
        self.back_to(min((PHASE_OF[kind] for kind in reopened), key=PHASES.index, default="travelling"))

    def may_replace(self, deed: Deed, question: Question | None) -> str:
        """Somebody who is to travel; after the cut-off date with the host's consent."""
        one, nominee = self.people.get(deed.more.get("nomination", "")), deed.more.get("nominee")
        if one is None:
            return "unknown_nomination"
        if one.standing not in ("proposed", "cleared", "accepted", "confirmed"):
            return "not_travelling"
        if not self.before_visit or self.begun(deed):
            return "visit_begun"
        if nominee is None and not self.standing("reserve"):
            return "nobody_in_reserve"
        if nominee is not None and any(other.person.person == nominee.person for other in self.people.values()):
            return "same"
        days = self.rules["nomination"]["cut_off_days"]
        late = self.visit is not None and days and deed.at.date() > self.visit - timedelta(days=days)
        return "past_cut_off" if late and not deed.more.get("proof") and not self.waives("cut_off") else ""

    def do_replace(self, deed: Deed, question: Question | None) -> None:
        """A new nomination, linked to the old; what was asked about that person alone is put aside."""
        old, nominee = self.people[deed.more["nomination"]], deed.more.get("nominee")
        old.standing = "replaced"
        said = len(self.said)
        self.set_aside(lambda q: q.is_open and self.of(q) == {old.id})
        self.void_papers(*DATED, about=[old.id])
        new = self.enter(Person(*nominee), old.id) if nominee else self.from_reserve()
        if new is not None:
            new.replaces = old.id
            new.standing = new.standing if nominee else "proposed"
        verb = "withdrawn" if new is None else "replaced" if new.standing == "proposed" else "reserved"
        self.happened(verb, about=new.id if new else old.id)
        self.said.insert(said, self.said.pop())
        self.back_to("travelling")

    def may_widen(self, deed: Deed, question: Question | None) -> str:
        """Once, while hosts are called."""
        return "widened" if self.widened else self.may_convert(deed, question)

    def do_widen(self, deed: Deed, question: Question | None) -> None:
        """All who are left are called."""
        self.widened, self.called = True, [*self.called, *deed.more.get("called", ())]
        self.happened("widened")

    def may_convert(self, deed: Deed, question: Question | None) -> str:
        """While hosts are called."""
        agreed = any(q.kind == "host_agreement" and q.counts and q.option == "agree" for q in self.questions)
        return "not_calling" if self.phase != "hosting" or not self.candidates or agreed else ""

    def do_convert(self, deed: Deed, question: Question | None) -> None:
        """The other format; the call begins anew."""
        self.format = "expert_assignment" if self.format == "study_visit" else "study_visit"
        self.happened("converted", about=self.format)
        self.set_aside(lambda q: PHASE_OF[q.kind] in ("hosting", "travelling"))
        for one in self.people.values():
            one.standing = "withdrawn"
        self.void_papers(*DATED)
        self.candidates, self.called, self.released, self.widened = [], [], [], False
        self.without_host()

    def may_release(self, deed: Deed, question: Question | None) -> str:
        """A host who agreed, before the visit."""
        agreed = any(q.kind == "host_agreement" and q.counts and q.option == "agree" for q in self.questions)
        if not agreed or not self.partner:
            return "no_host_yet"
        if deed.by not in (OFFICE, self.partner):
            return "not_asked"
        return "visit_begun" if not self.before_visit or self.begun(deed) else ""

    def do_release(self, deed: Deed, question: Question | None) -> None:
        """Back to the call; nominations are kept where they still hold."""
        partner = self.partner
        self.happened("host_withdrew", about=partner)
        self.set_aside(lambda q: q.kind == "host_agreement" or (q.kind == "host_offer" and q.asked == partner))
        self.lose_host()
        self.released.append(partner)
        self.back_to("hosting")

    def lose_host(self) -> None:
        """Nominations are kept where they still hold; the new host accepts them anew."""
        visiting = self.format == "study_visit"
        bound = ["acceptance", "travel", "agenda", *([] if visiting else ["nomination", "clearance"])]
        self.set_aside(lambda q: q.kind in bound or (q.kind == "nomination" and q.is_open))
        self.void_papers(*DATED)
        for one in self.people.values():
            if not visiting:
                one.standing = "withdrawn"
            elif one.standing in ("accepted", "confirmed"):
                one.standing = "cleared"
        self.without_host()

    # Setting rules aside

    def may_override(self, deed: Deed, question: Question | None) -> str:
        """By a named coordinator."""
        rule, nomination = deed.more.get("rule", ""), deed.more.get("nomination", "")
        one = self.people.get(nomination)
        if not deed.more.get("coordinator"):
            return "no_coordinator"
        if rule not in ("places_per_country", "threshold", "veto", "budget", "cut_off", "certificate", "answer"):
            return "unknown_rule"
        if rule != "answer" and self.waives(rule, nomination):
            return "waived"
        match rule:
            case "places_per_country":
                return "not_in_reserve" if one is None or one.standing != "reserve" or not self.before_visit else ""
            case "certificate":
                return "" if one and one.held and not one.certified else "not_held"
            case "threshold" | "veto":
                return "decided" if self.phase != "request" else ""
            case "budget":
                return "" if deed.more.get("proof") else "no_proof"
            case "answer":
                return self.may_answer_instead(deed, question)
        return ""

    def may_answer_instead(self, deed: Deed, question: Question | None) -> str:
        """Nobody says for another what only they can say."""
        refusal = self.open_step(question)
        if refusal or question is None:
            return refusal
        if question.kind in CONSENTS or (self.subject(question) == "budget" and question.asked != OFFICE):
            return "consent"
        option = deed.more.get("option", "")
        if option not in OPTIONS[Kind(question.kind)]:
            return "unknown_option"
        return self.breaks_a_rule(question, Reply(deed.at, question.label, option, deed.by, "", facts=deed.more.get("facts", {})))

    def do_override(self, deed: Deed, question: Question | None) -> None:
        """The rule no longer holds in this case, or somebody's answer is given instead."""
        rule, nomination = deed.more["rule"], deed.more.get("nomination", "")
        given = question if rule == "answer" else None
        about = {"answer": str(deed.step), "places_per_country": nomination, "certificate": nomination}
        self.waivers.add((rule, about.get(rule, "")))
        self.happened("waived", given, about=rule)
        if rule == "places_per_country":
            self.people[nomination].standing = "proposed"
            self.back_to("travelling")
        if given is not None:
            facts: dict[str, Any] = deed.more.get("facts", {})
            given.decided = Decided(deed.more["option"], "overridden", deed.by, given.asked, self.at, facts=facts)
            given.state, given.closed = "answered", self.at
            self.say(OPTIONS[Kind(given.kind)][given.option], given)
            self.take_effect(given)
