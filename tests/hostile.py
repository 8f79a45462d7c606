"""Texts that names, titles and remarks are filled with by accident or on purpose; shared by page, API, mail, PDF and calendar.

Each is at most 300 characters, the longest that a name may have.
"""

from __future__ import annotations

import re
import unicodedata

TEXTS = {
    "quotes": 'O\'Participant "1" «A» `B` ‘C’ “D”',
    "tags": "<b>Participant</b> <script>alert(1)</script> <img src=x onerror=alert(1)> </title></textarea>",
    "entities": "Participant &amp; &lt;1&gt; &#39; &nbsp &",
    "braces": "{{ 7 * 7 }} {% raw %} {# note #} ${7*7} #{7*7} {name} {0} %s %(name)s",
    "typesetting": '#read("x") #panic() $x^2$ *bold* _it_ <label> @ref // no comment',
    "right to left": "مشارك 1 \u200f(أ)\u200e Participant 1",
    "arabic": "السيّدة المشاركة الأولى، المديرية العامّة للخدمات البريدية",
    "override": "Participant \u202etxt.1\u202c end",
    "isolates": "\u2067مشارك\u2069 1 \u2066A\u2069",
    "long": ("Participant " * 25)[:300],
    "long word": "N" * 300,
    "long arabic word": "ن" * 300,
    "emoji": "Participant \U0001f600 \U0001f469\u200d\U0001f467 \U0001f1f8\U0001f1f3",
    "formula": '=HYPERLINK("http://elsewhere.example";"1")',
    "formula plus": "+1+1",
    "formula minus": "-2+3",
    "formula at": "@SUM(A1:A9)",
    "header": "Participant 1\r\nBcc: everybody@elsewhere.example\r\n\r\nHello",
    "controls": "Participant\x00\x07\x1b[31m 1\x7f\x08",
    "separators": "Participant\u20281\u20292\x853",
    "path": "../../../secret.txt",
    "windows path": "..\\..\\CON.txt:stream",
    "address": "javascript:alert(1) https://elsewhere.example/?a=1&b=2",
    "accents": "e\u0301 ê ã ç Ž ł \u0301lonely",
    "ethiopic": "ተሳታፊ 1",
    "devanagari": "प्रतिभागी 1",
    "statement": "1'; DROP TABLE persons;-- \\'",
    "encoded word": "=?utf-8?q?Bcc=3A?= =?utf-8?b?QmNj?=",
    "zero width": "Par\u00adti\u200bci\u2060pant\ufeff 1",
    "calendar": "Participant;1,2\\n3:4\\",
    "noncharacters": "Participant \ufdd0\ufffe\ue000 1",
    "list": "- Participant",
    "number": "0x1F",
    "nothing": "null",
}

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
"""What a form drops: control characters but line ends and tabs."""


def as_kept(text: str) -> str:
    """A text as a form keeps it: whole, but for control characters and the white space around it."""
    return CONTROLS.sub("", text.replace("\r\n", "\n")).strip()


def on_one_line(text: str) -> str:
    """A kept text where line ends cannot stand: in a header, a name, a calendar's entry."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()


def letters(text: str) -> str:
    """What of a text is ink: without white space, marks of direction and joining, and control characters."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in ("Cc", "Cf", "Zs", "Zl", "Zp"))
