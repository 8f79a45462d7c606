"""A letter that asks, on paper: for whoever has no mailbox that works. It holds the same link, as a code that a telephone reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import segno
import structlog

from activities.mail import Composer, Written, link_facts_of
from activities.postman import signed_address
from activities.typesetting import Typesetter
from evidence.links import Links
from models.case import Case
from models.errors import Missing, Refused
from models.orders import Letter
from models.programme import Programme
from models.rules import subject_of
from resending import is_asked
from store.cases import ReadModel

log = structlog.get_logger("onpaper")


class OnPaper:
    """Sets the letter of an open step for the post. It is kept nowhere, for it holds the link."""

    def __init__(
        self,
        readmodel: ReadModel,
        composer: Composer,
        links: Links,
        programmes: Mapping[str, Programme],
        clock: Callable[[], datetime],
        executor: Executor,
    ) -> None:
        self._readmodel = readmodel
        self._composer = composer
        self._links = links
        self._programmes = programmes
        self._clock = clock
        self._executor = executor

    async def letter(self, case_id: str, step_id: str, to: str = "") -> bytes:
        """The letter of a step as PDF, to whoever is to answer now or to another who is asked as well.

        Raises:
            Missing: there is no such case or step.
            Refused: "not_asked", nothing is asked of them now.
        """
        case = await self._readmodel.case(case_id)
        programme, step, now = self._programmes[case.programme], case.step(step_id), self._clock()
        if step is None:
            raise Missing(f"case {case_id} has no step {step_id}")
        to = to or step.answering
        if not is_asked(case, step, to, programme, now):
            raise Refused("not_asked", f"step {step_id} of {case_id} asks nothing of {to} now", party=to, state=step.state)
        letter = Letter(letter=f"ask_{subject_of(step) or step.kind}", to=to, at=now, step=step.id)
        written = await self._composer.written(programme, case, letter)
        data = self._data(programme, case, letter, written)
        issued = now.astimezone(ZoneInfo(programme.office.zone)).date()
        log.info("set_on_paper", case=case.id, step=step.id)
        language = written.party.language
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: Typesetter().set("letter", language, data, issued)
        )

    def _data(self, programme: Programme, case: Case, letter: Letter, written: Written) -> dict[str, Any]:
        language = written.party.language
        address = signed_address(self._links, link_facts_of(case, letter, written.facts["link"]))
        return {
            "programme_name": programme.name[language],
            "office_name": programme.office.name[language],
            "case_id": case.id,
            "subject": written.subject.removeprefix(f"[{case.id}] "),
            "blocks": [block | {"kind": "link"} if block["kind"] == "button" else block for block in written.blocks],
            "link": address,
            "qr": svg_of(address),
        }


def svg_of(address: str) -> str:
    """An address as a QR code, with the quiet border it needs, as SVG."""
    drawn = BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", border=4, xmldecl=False)
    return drawn.getvalue().decode("ascii").strip()
