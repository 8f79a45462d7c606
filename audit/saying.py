"""A line of the timeline in the reader's language: what happened, and everything that is known of it, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from audit.timeline import Applied, Line
from wording import LEFT_TO_RIGHT_MARK, Words


def heading_of(line: Line, words: Words, language: str) -> str:
    """What happened, in a few words: the verb, and the step it happened to."""
    if line.verb is None:
        return words.say(language, "line.letters" if line.event else "line.nothing")
    said = words.say(language, f"verb.{line.verb}")
    return f"{said} – {words.say(language, f'step.{line.kind}')} ({line.step})" if line.kind else said


def details_of(line: Line, words: Words, language: str) -> list[str]:
    """Who, on whose behalf, how, by which rule, with which papers and mails."""
    return [
        *_people(line, words, language),
        *_answer(line, words, language),
        *_rules(line, words, language),
        *_sent(line, words, language),
    ]


def events_of(line: Line, words: Words, language: str) -> str:
    """Which raw events stand below the line."""
    return words.say(language, "line.events", run=str(line.run), begin=str(line.first), end=str(line.last))


def instant_in(language: str, instant: datetime) -> str:
    """An instant in UTC, digits from the left in Arabic too."""
    written = instant.strftime("%Y-%m-%d %H:%M UTC")
    return f"{LEFT_TO_RIGHT_MARK}{written}{LEFT_TO_RIGHT_MARK}" if language == "ar" else written


def _people(line: Line, words: Words, language: str) -> Iterator[str]:
    for key, party in (("by", line.by), ("on_behalf", line.on_behalf_of), ("asked", line.asked)):
        if party and not (key == "asked" and party in (line.by, line.on_behalf_of)):
            yield words.say(language, f"line.{key}", by=party)
    if line.decision:
        yield words.say(language, "line.how", how=words.say(language, f"decision.{line.decision}"))


def _answer(line: Line, words: Words, language: str) -> Iterator[str]:
    if line.received:
        yield words.say(language, "line.received", when=instant_in(language, line.received))
    if line.late:
        yield words.say(language, "line.late")
    if line.about and not line.papers:
        yield words.say(language, "line.about", about=_named(words, language, ("waiver",), line.about))
    if line.reason and not line.papers and line.reason not in {rule.lapse for rule in line.rules}:
        yield words.say(
            language, "line.reason", reason=_named(words, language, ("reason", "consequence", "ending", "missing"), line.reason)
        )
    for key, sha256 in (("form", line.form), ("bound", line.paper), ("proof", line.proof)):
        if sha256:
            yield words.say(language, f"line.{key}", sha256=sha256)


def _rules(line: Line, words: Words, language: str) -> Iterator[str]:
    for rule in line.rules:
        match rule.rule:
            case "limit":
                yield _limit(rule, words, language)
            case "silence" if rule.lapse:
                yield words.say(language, f"consequence.{rule.lapse}")
            case "waiver":
                yield words.say(language, "line.waiver", by=rule.by, rule=words.say(language, f"waiver.{rule.waived}"))


def _limit(rule: Applied, words: Words, language: str) -> str:
    limit = words.say(language, f"limit.{rule.unit}", value=str(rule.value))
    parts = [f"{limit}, {words.say(language, f'anchor.{rule.anchor}')}"]
    if rule.grace:
        parts.append(words.say(language, "line.grace", value=str(rule.grace)))
    if rule.due and rule.closes:
        dates = {"due": instant_in(language, rule.due), "closes": instant_in(language, rule.closes)}
        parts.append(words.say(language, "line.dates", **dates))
    return ". ".join(parts)


def _sent(line: Line, words: Words, language: str) -> Iterator[str]:
    for paper in line.papers:
        document = _named(words, language, ("document",), paper.kind)
        yield words.say(language, "line.paper", document=f"{document} ({paper.language})", sha256=paper.sha256)
    for mail in line.mails:
        yield words.say(language, "line.mail", letter=mail.letter, to=mail.to, sha256=mail.sha256)


def _named(words: Words, language: str, families: tuple[str, ...], code: str) -> str:
    """What a code is called, where one of these families of words knows it; else the code itself."""
    known = (f"{family}.{code}" for family in families if words.has(language, f"{family}.{code}"))
    key = next(known, "")
    return words.say(language, key) if key else code
