"""Days, instants and counts in the words of the reader's country."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from wording import Words, locale_of

WORDS = Words(Path(__file__).parents[2] / "locale")
DAY = date(2027, 7, 15)
INSTANT = datetime(2027, 7, 15, 14, tzinfo=UTC)
LRM = "\u200e"


@pytest.mark.parametrize(
    ("country", "written"),
    [
        ("EG", "الخميس، ١٥ يوليو ٢٠٢٧"),
        ("LB", "الخميس، ١٥ تموز ٢٠٢٧"),
        ("DZ", "الخميس، 15 جويلية 2027"),
        ("TN", "الخميس، 15 جويلية 2027"),
        ("MA", "الخميس، 15 يوليوز 2027"),
        ("LY", "الخميس، 15 يوليو 2027"),
    ],
)
def test_arabic_months_and_digits_are_those_of_the_country(country: str, written: str) -> None:
    assert WORDS.written("ar", country, DAY) == written


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "Thursday, 15 July 2027"),
        ("fr", "jeudi 15 juillet 2027"),
        ("pt", "quinta-feira, 15 de julho de 2027"),
    ],
)
def test_the_others_write_a_day_alike_everywhere(language: str, written: str) -> None:
    assert {WORDS.written(language, country, DAY) for country in ("SN", "EG", "CV", "FR")} == {written}


def test_portuguese_is_european() -> None:
    assert {locale_of("pt", country).territory for country in ("CV", "BR", "FR")} == {"PT"}
    assert WORDS.count("pt", "answer.working_days", 2) == "2 dias úteis"
    assert "registada" in WORDS.say("pt", "answer.recorded").lower()


@pytest.mark.parametrize("language", ["en", "fr", "pt"])
def test_the_iso_date_stands_beside_a_day(language: str) -> None:
    assert WORDS.day(language, "SN", DAY).endswith(" (2027-07-15)")
    assert LRM not in WORDS.day(language, "SN", DAY)


def test_in_arabic_the_iso_date_is_kept_from_turning_round() -> None:
    assert WORDS.day("ar", "EG", DAY).endswith(f" ({LRM}2027-07-15{LRM})")
    assert WORDS.moment("ar", "EG", "Africa/Cairo", INSTANT).endswith(f"{LRM}2027-07-15{LRM}")


@pytest.mark.parametrize(
    ("language", "country", "zone", "said"),
    [
        ("en", "ET", "Africa/Addis_Ababa", "Thursday, 15 July 2027, 17:00 (Addis Ababa) – 2027-07-15"),
        ("fr", "DZ", "Africa/Algiers", "jeudi 15 juillet 2027, 15:00 (Alger) – 2027-07-15"),
        ("pt", "CV", "Atlantic/Cape_Verde", "quinta-feira, 15 de julho de 2027, 13:00 (Cabo Verde) – 2027-07-15"),
        ("ar", "EG", "Africa/Cairo", f"الخميس، ١٥ يوليو ٢٠٢٧، ١٧:٠٠ (القاهرة) – {LRM}2027-07-15{LRM}"),
    ],
)
def test_an_instant_is_told_in_local_time_with_its_place(language: str, country: str, zone: str, said: str) -> None:
    assert WORDS.moment(language, country, zone, INSTANT) == said


def test_an_instant_late_in_the_evening_falls_on_the_reader_s_own_day() -> None:
    evening = datetime(2027, 7, 15, 23, 30, tzinfo=UTC)
    assert "15 July" in WORDS.moment("en", "GH", "Africa/Accra", evening)
    assert "16 July" in WORDS.moment("en", "KE", "Africa/Nairobi", evening)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "أقل من يوم عمل"),
        (1, "يوم عمل واحد"),
        (2, "يوما عمل"),
        (3, "3 أيام عمل"),
        (10, "10 أيام عمل"),
        (11, "11 يوم عمل"),
        (99, "99 يوم عمل"),
        (100, "100 يوم عمل"),
        (103, "103 أيام عمل"),
    ],
)
def test_arabic_has_six_ways_to_count(number: int, said: str) -> None:
    assert WORDS.count("ar", "answer.working_days", number) == said


@pytest.mark.parametrize(
    ("language", "one", "many"), [("en", "1 working day", "2 working days"), ("pt", "1 dia útil", "2 dias úteis")]
)
def test_one_is_not_many(language: str, one: str, many: str) -> None:
    assert WORDS.count(language, "answer.working_days", 1) == one
    assert WORDS.count(language, "answer.working_days", 2) == many


def test_french_counts_nought_as_one() -> None:
    assert WORDS.count("fr", "answer.working_days", 0) == "0 jour ouvrable"
    assert WORDS.count("fr", "answer.working_days", 2) == "2 jours ouvrables"


def test_facts_stand_in_their_places() -> None:
    assert "«the nomination»" in WORDS.say("en", "reason.nobody_answered", step="«the nomination»")


def test_an_unknown_key_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError, match=r"fr: nothing\.like\.it"):
        WORDS.say("fr", "nothing.like.it")
    with pytest.raises(KeyError):
        WORDS.count("fr", "nothing.like.it", 1)
    with pytest.raises(KeyError):
        WORDS.say("fr", "answer.working_days")
    assert not WORDS.has("fr", "nothing.like.it")
    assert WORDS.has("fr", "answer.button")
