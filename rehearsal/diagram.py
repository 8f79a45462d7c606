"""The diagram of the procedure, drawn from the code.

`python -m rehearsal.diagram` prints it; with the name of a page it is put there between its marks.

What rests on what comes from `models.words`, what silence leads to from the rules of a programme; who is asked is said here, and
held against the golden histories by a test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from models.errors import Fault, Invalid
from models.programme import Programme
from models.words import LANGUAGES, OPTIONS, PHASE_OF, RESTS_ON, Ending, Kind, Lapse, Phase
from wording import Words
from workplace import LOCALE, load_programmes

PROGRAMMES = Path(__file__).resolve().parents[1] / "programmes"
BEGIN, END = "<!-- diagram -->", "<!-- /diagram -->"

ASKED = {
    Kind.COMPLETENESS: "coordinator",
    Kind.CORRECTION: "requesting",
    Kind.CONSULTATION: "consultee",
    Kind.DECISION: "coordinator",
    Kind.HOST_OFFER: "candidate",
    Kind.HOST_AGREEMENT: "host",
    Kind.NOMINATION: "sending",
    Kind.CLEARANCE: "focal_point",
    Kind.ACCEPTANCE: "host",
    Kind.TRAVEL: "participant",
    Kind.AGENDA: "host",
    Kind.CASCADING_PLAN: "beneficiaries",
    Kind.ATTENDANCE: "host",
    Kind.EVALUATION: "participant_and_host",
    Kind.REPORT: "participant",
    Kind.REPORT_REVIEW: "coordinator",
    Kind.TRANSFER_PLAN: "beneficiaries",
    Kind.FOLLOW_UP: "beneficiaries",
}
"""Who is asked on each kind of step."""

ROWS = {
    "coordinator": ("the coordinator", "le coordonnateur", "المنسق", "o coordenador"),
    "requesting": ("the requesting institution", "l'institution requérante", "المؤسسة الطالبة", "a instituição requerente"),
    "consultee": ("each consultee", "chaque organisme consulté", "كل جهة مستشارة", "cada entidade consultada"),
    "candidate": ("the candidates, in turn", "les candidats, tour à tour", "المرشحون بالتتابع", "os candidatos, um após outro"),
    "host": ("the host", "l'hôte", "المضيف", "o anfitrião"),
    "sending": ("the sending institution", "l'institution d'envoi", "المؤسسة المرسلة", "a instituição de envio"),
    "focal_point": ("the national focal point", "le point focal national", "جهة الاتصال الوطنية", "o ponto focal nacional"),
    "participant": (
        "each participant or expert",
        "chaque participant ou expert",
        "كل مشارك أو خبير",
        "cada participante ou perito",
    ),
    "beneficiaries": (
        "the institutions that gain the knowledge",
        "les institutions bénéficiaires",
        "المؤسسات المستفيدة",
        "as instituições beneficiárias",
    ),
    "participant_and_host": (
        "each participant or expert, the host",
        "chaque participant ou expert, l'hôte",
        "كل مشارك أو خبير، والمضيف",
        "cada participante ou perito, o anfitrião",
    ),
    Phase.REQUEST: ("Request", "Demande", "الطلب", "Pedido"),
    Phase.HOSTING: ("Hosting", "Accueil", "الاستضافة", "Acolhimento"),
    Phase.TRAVELLING: ("Travelling", "Déplacement", "السفر", "Deslocação"),
    Phase.VISIT: ("Visit", "Visite", "الزيارة", "Visita"),
    Phase.FOLLOW_UP: ("Follow-up", "Suivi", "المتابعة", "Acompanhamento"),
    Lapse.ESCALATE: ("moves up", "transmise plus haut", "تُرفع إلى جهة أعلى", "sobe de nível"),
    Lapse.TACIT: ("consent", "consentement", "موافقة", "consentimento"),
    Lapse.NEXT_CANDIDATE: ("next candidate", "candidat suivant", "المرشح التالي", "candidato seguinte"),
    Lapse.FORFEIT: ("places lost", "places perdues", "فقدان المقاعد", "lugares perdidos"),
    Lapse.HOLD_CERTIFICATE: ("certificate held", "certificat retenu", "حجز الشهادة", "certificado retido"),
    Lapse.END_CASE: ("the case ends", "fin du dossier", "انتهاء الملف", "fim do processo"),
    Lapse.WARNING: ("a warning", "un avertissement", "تنبيه", "um aviso"),
    Lapse.NO_EVIDENCE: ("no evidence", "sans preuve", "دون إثبات", "sem prova"),
    "silence": ("silence: {}", "silence\u00a0: {}", "السكوت: {}", "silêncio: {}"),
    "head": (
        "phase|step|who is asked|answers|rests on|silence",
        "phase|étape|qui est sollicité|réponses|repose sur|silence",
        "المرحلة|الخطوة|من يُسأل|الأجوبة|تستند إلى|السكوت",
        "fase|etapa|a quem se pergunta|respostas|assenta em|silêncio",
    ),
}
"""Words that no page and no letter says, in the order of `models.words.LANGUAGES`."""


def diagram(language: str = "en", programme: Programme | None = None) -> str:
    """The procedure as Markdown, a Mermaid flowchart and a table, by the rules of a programme; the first one if none is named."""
    rules = programme or next(iter(load_programmes(PROGRAMMES).values()))
    return "\n".join([*_Drawn(language, rules).lines(), ""])


class _Drawn:
    """The procedure in one language, by one programme's rules."""

    def __init__(self, language: str, rules: Programme) -> None:
        self._language = language
        self._rules = rules
        self._words = Words(LOCALE)
        self._at = LANGUAGES.index(language)

    def lines(self) -> Iterator[str]:
        """Flowchart and table."""
        yield from ("```mermaid", "flowchart TD")
        for phase in Phase:
            yield f'  subgraph phase_{phase}["{self._word(phase)}"]'
            for kind in self._kinds(phase):
                silence = self._word("silence").format(self._word(self._lapse(kind)))
                yield f'    {kind}["{self._step(kind)}<br/>{self._word(ASKED[kind])}<br/>{silence}"]'
            yield "  end"
        yield from self._edges()
        yield from ("```", "", *self._table())

    def _edges(self) -> Iterator[str]:
        for kind in Kind:
            yield from (f"  {before} --> {kind}" for before in RESTS_ON[kind])
        endings: set[Ending] = set()
        for arrow, kind, ending in self._endings():
            if ending not in endings:
                endings.add(ending)
                yield f'  ending_{ending}(["{self._words.say(self._language, f"ending.{ending}")}"])'
            yield f"  {kind} {arrow} ending_{ending}"

    def _endings(self) -> Iterator[tuple[str, Kind, Ending]]:
        """Where a case ends when all goes as it should, and by silence alone; the arrow is dotted for silence."""
        rested_on = {before for befores in RESTS_ON.values() for before in befores}
        yield from (("-->", kind, Ending.CLOSED) for kind in Kind if kind not in rested_on and PHASE_OF[kind] is Phase.FOLLOW_UP)
        ends = {Lapse.END_CASE: Ending.LAPSED, Lapse.NO_EVIDENCE: Ending.CLOSED_WITHOUT_EVIDENCE}
        yield from (("-.->", kind, ends[self._lapse(kind)]) for kind in Kind if self._lapse(kind) in ends)

    def _table(self) -> Iterator[str]:
        head = self._word("head").split("|")
        yield f"| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        for phase in Phase:
            for kind in self._kinds(phase):
                answers = ", ".join(self._words.say(self._language, f"option.{kind}.{option}") for option in OPTIONS[kind])
                rests = ", ".join(self._step(before) for before in RESTS_ON[kind])
                silence = self._words.say(self._language, f"consequence.{self._lapse(kind)}")
                yield f"| {self._word(phase)} | {self._step(kind)} | {self._word(ASKED[kind])} | {answers} | {rests} | {silence} |"

    def _kinds(self, phase: Phase) -> list[Kind]:
        return [kind for kind in Kind if PHASE_OF[kind] is phase]

    def _lapse(self, kind: Kind) -> Lapse:
        return self._rules.step(kind).lapse

    def _step(self, kind: Kind) -> str:
        return self._words.say(self._language, f"step.{kind}")

    def _word(self, row: str) -> str:
        return ROWS[row][self._at]


def between(text: str, part: str) -> str:
    """A page with the part between its marks replaced.

    Raises:
        Invalid: the marks are not there, once each and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise Invalid([Fault(field="file", code="required", text=f"the marks {BEGIN} and {END} are not there once each")])
    return f"{before}{begin}\n\n{part}\n{end}{after}"


def main() -> None:
    """Print the diagram, or put it into the file that is named."""
    if len(sys.argv) == 1:
        sys.stdout.write(diagram())
        return
    page = Path(sys.argv[1])
    page.write_text(between(page.read_text(encoding="utf-8"), diagram()), encoding="utf-8")


if __name__ == "__main__":
    main()
