"""What the one asked can do besides answering, each with its own small form: which of it is offered, and its form read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from cases import Intervention, read_intervention
from models.acts import MOST_WORKING_DAYS, Act, Doing, may_act
from models.case import Case, Step
from models.errors import Refused
from models.programme import Programme
from web.respond.fields import LANGUAGE_CHOICES, Field, Place, inputs_of, values_of

FORM = "Act"
REASON = Field("reason", "long", needed=True)
COLLEAGUE = (
    Field("person", "text", needed=True),
    Field("function", "text"),
    Field("language", "choice", choices=LANGUAGE_CHOICES),
    Field("email", "email", needed=True),
)


class Deed(NamedTuple):
    """One thing to do: its act, its fields, and the word of it in addresses and catalogues."""

    do: Doing
    name: str
    fields: tuple[Field, ...]

    @property
    def address(self) -> str:
        """The last part of its page's address."""
        return self.name.replace("_", "-")


DEEDS = {
    deed.address: deed
    for deed in (
        Deed(Doing.MORE_TIME, "more_time", (Field("working_days", "number", needed=True, low=1, high=MOST_WORKING_DAYS), REASON)),
        Deed(Doing.DELEGATE, "delegate", COLLEAGUE),
        Deed(Doing.REVOKE, "take_back", ()),
        Deed(Doing.DECLINE, "not_for_me", (REASON,)),
        Deed(Doing.RECALL, "recall", (REASON,)),
    )
}
"""By the last part of their addresses, in the order in which they are offered."""

TO_THE_OFFICE = (Doing.RECALL,)
"""What the programme's own office is offered here; it does everything else as a coordinator."""


def act_of(deed: Deed, case: Case, step: Step, party: str, now: datetime, given: Intervention | None = None) -> Act:
    """The act as its rule sees it, before anything is kept; without what was given, one that lacks nothing."""
    return Act(
        act=given.act if given else "offered",
        do=deed.do,
        by=party,
        received=now,
        step=step.id,
        working_days=given.working_days if given else 1,
        reason=("given" if given.reason else "") if given else "given",
        to=f"{step.asked}/p-colleague" if deed.do is Doing.DELEGATE else "",
    )


def offered(case: Case, step: Step, party: str, rules: Programme, now: datetime) -> list[Deed]:
    """What a party can do with a question now, besides answering."""
    found = []
    for deed in DEEDS.values():
        if party.partition("/")[0] == rules.office.code and deed.do not in TO_THE_OFFICE:
            continue
        try:
            may_act(case, act_of(deed, case, step, party, now), rules)
        except Refused:
            continue
        found.append(deed)
    return found


def read_deed(deed: Deed, posted: Mapping[str, str], step: str, party: str, response: str) -> Intervention:
    """The act that a filled page asks for.

    Raises:
        Invalid: every fault, by field.
    """
    values: dict[str, Any] = values_of(deed.fields, FORM, posted)
    if deed.do is Doing.DELEGATE:
        values = {"colleague": values}
    elif deed.do is Doing.MORE_TIME:
        values = {"working_days": 0, **values}
    return read_intervention({**values, "do": deed.do, "by": party, "step": step, "act": response})


def filled(deed: Deed, posted: Mapping[str, str]) -> dict[str, str]:
    """What was filled in, to show it again."""
    return inputs_of(deed.fields, FORM, values_of(deed.fields, FORM, posted))


def place_in(deed: Deed, path: str, code: str) -> Place:
    """Where a fault of an act belongs: beside its field, else at the top."""
    name = {"no_reason": "reason", "out_of_range": "working_days", "not_a_number": "working_days"}.get(code, path.split(".")[-1])
    field = next((field for field in deed.fields if field.name == name), None)
    return Place(f"{FORM}.{name}", field, (field.key,)) if field else Place("act")
