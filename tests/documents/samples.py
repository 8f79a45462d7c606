"""Sample facts of every kind of document in four languages; people are `Participant 1`, institutions are named by what they do."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from babel.dates import format_date

LOCALES = {"en": "en_GB", "fr": "fr_SN", "ar": "ar_EG", "pt": "pt_PT"}
BASE = (
    "programme_name",
    "office_name",
    "case_id",
    "title",
    "format_name",
    "theme_name",
    "requesting",
    "host",
    "sending",
    "visit",
)
TERMS = ("objectives", "expected_results", "expertise", "places", "duration_days", "contact", "legal_basis")
BEYOND: Mapping[str, tuple[str, ...]] = {
    "acknowledgement": (
        "reference",
        "received",
        "objectives",
        "expected_results",
        "expertise",
        "periods",
        "places",
        "duration_days",
        "budget",
    ),
    "decision_letter": ("outcome", "outcome_code", "reasons", "criteria", "total", "threshold", "opinions"),
    "terms_of_reference": TERMS,
    "hosting_agreement": (*TERMS, "tor_sha256", "agreed", "agreed_by", "second"),
    "invitation_letter": ("participant", "contact"),
    "visa_support_letter": ("participant", "destination_country"),
    "agenda": ("lines",),
    "certificate": ("participant", "actual"),
    "transfer_plan": ("institution", "actions"),
    "letter": ("subject", "blocks", "link", "qr"),
    "closure_note": ("ending", "reason", "participants", "follow_ups", "costs", "practice"),
}


def sample(kind: str, language: str) -> dict[str, object]:
    """The facts of one document, every key of its kind present; the hosting agreement in one language."""
    facts = _dated(json.loads((Path(__file__).parent / f"{language}.json").read_text("utf-8")), language)
    return {key: facts[key] for key in (*BASE, *BEYOND[kind])}


def bilingual(language: str, second: str) -> dict[str, object]:
    """The facts of a hosting agreement in two languages."""
    other = sample("hosting_agreement", second)
    del other["second"]
    return sample("hosting_agreement", language) | {"second": {"language": second} | other}


def day(iso: str, language: str) -> dict[str, str]:
    """A date as documents take it: ISO, and in the words of the language."""
    return {"iso": iso, "words": format_date(date.fromisoformat(iso), "full", locale=LOCALES[language])}


def _dated(value: Any, language: str) -> Any:
    """The value with every ISO date written `@2027-04-05` turned into a date of the document."""
    if isinstance(value, str) and value.startswith("@"):
        return day(value[1:], language)
    if isinstance(value, dict):
        return {key: _dated(item, language) for key, item in value.items()}
    if isinstance(value, list):
        return [_dated(item, language) for item in value]
    return value
