"""Who could host an exchange, and who speaks for a country."""

from __future__ import annotations

from temporalio import activity

from activities import names
from models.case import Candidate
from models.orders import CandidateOrder, Candidates, FocalPoint, FocalPointOrder
from models.request import Asked
from models.words import country_of
from store.reference import Country, Institution, Practice, Reference

DORMANT, PREFERRED, THEME, NEAR_THEME, LANGUAGE, COMMUNITY = 1, 100, 30, 15, 10, 10
PARTNER, MINISTRY = "partner", "ministry"


class Directory:
    """Institutions, practices and appointments."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    @activity.defn(name=names.CANDIDATES)
    async def candidates(self, order: CandidateOrder) -> Candidates:
        """Institutions abroad that may host or provide, best match first; those the requester prefers come first.

        A dormant one is left out; where the requester prefers it, it is called last.
        """
        countries = {country.iso2: country for country in await self._reference.countries()}
        practices = await self._reference.practices()
        home = countries[country_of(order.asked.requesting)]
        found = [
            candidate
            for institution in await self._reference.institutions()
            if institution.code != order.asked.requesting
            and (candidate := match(order.asked, institution, countries[institution.country], home, practices)).score > 0
        ]
        if order.dormant_after:
            found = await self._awake_first(found, order)
        ranked = sorted(found, key=lambda candidate: (-candidate.score, candidate.institution))
        return Candidates(candidates=tuple(ranked[: order.most]))

    @activity.defn(name=names.FOCAL_POINT)
    async def focal_point(self, order: FocalPointOrder) -> FocalPoint:
        """The institution that speaks for a country; for a dormant one another ministry that answers, where there is one."""
        appointed = await self._reference.focal_point(order.country)
        if not appointed or not order.dormant_after:
            return FocalPoint(institution=appointed)
        known = [one for one in await self._reference.institutions() if one.country == order.country]
        others = [one.code for one in known if one.kind == MINISTRY and one.code != appointed]
        lapses = await self._reference.lapses_in_a_row([appointed, *others])
        awake = (code for code in (appointed, *others) if lapses[code] < order.dormant_after)
        return FocalPoint(institution=next(awake, appointed))

    async def _awake_first(self, found: list[Candidate], order: CandidateOrder) -> list[Candidate]:
        """The candidates that answer, and behind them the preferred ones that are dormant."""
        lapses = await self._reference.lapses_in_a_row([candidate.institution for candidate in found])
        return [
            candidate if lapses[candidate.institution] < order.dormant_after else _put_last(candidate)
            for candidate in found
            if lapses[candidate.institution] < order.dormant_after or candidate.institution in order.asked.preferred
        ]


def _put_last(candidate: Candidate) -> Candidate:
    return candidate.model_copy(update={"score": DORMANT, "reasons": (*candidate.reasons, "dormant")})


def match(asked: Asked, institution: Institution, country: Country, home: Country, practices: list[Practice]) -> Candidate:
    """How well an institution matches what is asked: points and the reasons for them; no points, no candidate."""
    if institution.code in asked.preferred:
        return Candidate(
            institution=institution.code, score=PREFERRED - asked.preferred.index(institution.code), reasons=("preferred",)
        )
    if country.role != PARTNER or country.iso2 == home.iso2:
        return Candidate(institution=institution.code, score=0)
    own = [practice for practice in practices if practice.actor_kind == institution.kind]
    points, reasons = 0, []
    if any(practice.theme == asked.theme for practice in own):
        points, reasons = THEME, ["theme"]
    elif any(root(practice.theme) == root(asked.theme) for practice in own):
        points, reasons = NEAR_THEME, ["near_theme"]
    if not points:
        return Candidate(institution=institution.code, score=0)
    if asked.language in (institution.language, *country.languages):
        points, reasons = points + LANGUAGE, [*reasons, "language"]
    if set(country.communities) & set(home.communities):
        points, reasons = points + COMMUNITY, [*reasons, "community"]
    return Candidate(institution=institution.code, score=points, reasons=tuple(reasons))


def root(theme: str) -> str:
    """The main theme of a theme."""
    return theme.partition(".")[0]
