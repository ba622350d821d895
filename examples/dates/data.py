"""Dates as people write them, and the vocabularies of both sides.

Everything here is a function of a seed: :func:`split` divides the calendar into dates to train on
and dates never trained on, and :func:`write` writes a date in one of the forms of ``FORMS``.

The conventions of the data set, which the model learns:

* numeric dates are **day first**: ``05/11/99`` is the fifth of November;
* a numeric date that starts with four digits is year first: ``2026/11/21``;
* two-digit years are 1950 to 2049: ``99`` is 1999, ``05`` is 2005;
* dates lie between 1900-01-01 and 2099-12-31.
"""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# The source side: characters of the written date, in lower case.
PAD = 0
SOURCE = " ',-./0123456789abcdefghijklmnopqrstuvwxyz"
SOURCE_SIZE = 1 + len(SOURCE)
_SOURCE_IDS = {character: index for index, character in enumerate(SOURCE, start=PAD + 1)}

# The target side: characters of the ISO form, between a start and an end symbol.
BOS = 0
EOS = 1
TARGET = "-0123456789"
TARGET_SIZE = 2 + len(TARGET)
_TARGET_IDS = {character: index for index, character in enumerate(TARGET, start=EOS + 1)}

FIRST = datetime.date(1900, 1, 1)
LAST = datetime.date(2099, 12, 31)

MONTHS = (
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may",),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep", "sept"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
)
WEEKDAYS = (
    ("monday", "mon"),
    ("tuesday", "tue", "tues"),
    ("wednesday", "wed"),
    ("thursday", "thu", "thurs"),
    ("friday", "fri"),
    ("saturday", "sat"),
    ("sunday", "sun"),
)
_ONES = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth"),
    *("seventeenth", "eighteenth", "nineteenth"),
)
ORDINALS = (
    *_ONES,
    "twentieth",
    *(f"twenty-{one}" for one in _ONES[:9]),
    "thirtieth",
    "thirty-first",
)

FORMS = ("numeric", "year first", "day month year", "month day year", "words")
_FORM_WEIGHTS = (28, 20, 24, 18, 10)


def normalise(text: str) -> str:
    """The characters of ``text`` that the model reads: lower case, single spaces, known ones."""
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = re.sub(r"\s+", " ", text).strip()
    return "".join(character for character in text if character in _SOURCE_IDS)


def encode_source(text: str) -> NDArray[np.int32]:
    """Ids of the characters of a written date: (T,) int32."""
    ids = [_SOURCE_IDS[character] for character in normalise(text)]
    if not ids:
        raise ValueError(f"no character of {text!r} can be part of a date")
    return np.array(ids, dtype=np.int32)


def encode_target(text: str) -> NDArray[np.int32]:
    """Ids of the characters of an ISO date, without start and end symbols: (L,) int32."""
    return np.array([_TARGET_IDS[character] for character in text], dtype=np.int32)


def decode_target(ids: Sequence[int] | NDArray[np.int32]) -> str:
    """The text of target ids; start and end symbols have none."""
    return "".join(TARGET[int(index) - EOS - 1] for index in ids if int(index) > EOS)


def calendar() -> list[datetime.date]:
    """Every date of the data set, in order."""
    days = (LAST - FIRST).days + 1
    return [FIRST + datetime.timedelta(days=day) for day in range(days)]


def split(seed: int, held_out: int) -> tuple[list[datetime.date], list[datetime.date]]:
    """``(training, held out)`` dates of the calendar, without a date in common."""
    dates = calendar()
    random.Random(seed).shuffle(dates)
    return dates[held_out:], dates[:held_out]


def _suffixed(day: int) -> str:
    """``1st``, ``2nd``, ``11th`` …"""
    suffix = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _year(date: datetime.date, rng: random.Random, separator: str = " ") -> str:
    """Four digits, or two where these name a year of 1950 to 2049; ``'87`` only after a space."""
    if not 1950 <= date.year <= 2049 or rng.random() < 0.5:
        return str(date.year)
    short = f"{date.year % 100:02d}"
    return "'" + short if separator == " " and rng.random() < 0.5 else short


def _month(date: datetime.date, rng: random.Random) -> str:
    name = rng.choice(MONTHS[date.month - 1])
    short = len(name) <= 4 and name != MONTHS[date.month - 1][0]
    return name + "." if short and rng.random() < 0.15 else name


def _weekday(date: datetime.date, rng: random.Random) -> str:
    """A weekday to write before the date, or nothing."""
    if rng.random() < 0.6:
        return ""
    name = rng.choice(WEEKDAYS[date.weekday()])
    return name + rng.choice((" ", ", ", " the ", ". " if len(name) <= 5 else " "))


def _numeric(date: datetime.date, rng: random.Random) -> str:
    separator = rng.choice(("/", "/", ".", "-", " ", ". "))
    width = rng.choice((1, 2))
    year = _year(date, rng, separator="/")
    return f"{date.day:0{width}d}{separator}{date.month:0{width}d}{separator}{year}"


def _year_first(date: datetime.date, rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return f"{date:%Y%m%d}"
    if kind < 0.4:
        comma = rng.choice((" ", ", "))
        return f"{date.year}{comma}{_month(date, rng)} {rng.choice((str, _suffixed))(date.day)}"
    separator = rng.choice(("-", "/", "."))
    width = rng.choice((1, 2))
    return f"{date.year}{separator}{date.month:0{width}d}{separator}{date.day:0{width}d}"


def _day_month_year(date: datetime.date, rng: random.Random) -> str:
    if rng.random() < 0.15:
        separator = rng.choice(("-", "/", "."))
        month = rng.choice(MONTHS[date.month - 1])
        return f"{date.day}{separator}{month}{separator}{_year(date, rng, separator)}"
    day = rng.choice((str(date.day), str(date.day), f"{date.day:02d}", _suffixed(date.day)))
    of = rng.choice((" ", " ", ". ")) if day.isdigit() else rng.choice((" ", " of "))
    comma = rng.choice((" ", " ", ", "))
    return f"{_weekday(date, rng)}{day}{of}{_month(date, rng)}{comma}{_year(date, rng)}"


def _month_day_year(date: datetime.date, rng: random.Random) -> str:
    day = rng.choice((str(date.day), _suffixed(date.day), "the " + _suffixed(date.day)))
    comma = rng.choice((" ", ", ", ", "))
    weekday = _weekday(date, rng).replace(" the ", " ")
    return f"{weekday}{_month(date, rng)} {day}{comma}{_year(date, rng)}"


def _words(date: datetime.date, rng: random.Random) -> str:
    day = ORDINALS[date.day - 1]
    if rng.random() < 0.5:
        day = day.replace("-", " ")
    month = _month(date, rng)
    comma = rng.choice((" ", ", "))
    start = rng.choice(("the ", "", _weekday(date, rng)))
    if rng.random() < 0.3:
        return f"{month} {day}{comma}{_year(date, rng)}"
    return f"{start}{day}{rng.choice((' of ', ' '))}{month}{comma}{_year(date, rng)}"


_WRITERS = dict(
    zip(FORMS, (_numeric, _year_first, _day_month_year, _month_day_year, _words), strict=True)
)


def write(date: datetime.date, rng: random.Random) -> tuple[str, str]:
    """``(text, form)``: the date as a person might write it, and which of ``FORMS`` that is."""
    form = rng.choices(FORMS, _FORM_WEIGHTS)[0]
    return _WRITERS[form](date, rng), form


def pad(rows: Sequence[NDArray[np.int32]], value: int) -> NDArray[np.int32]:
    """Rows of ids side by side, filled up on the right: (B, longest) int32."""
    width = max(len(row) for row in rows)
    batch = np.full((len(rows), width), value, dtype=np.int32)
    for row, ids in zip(batch, rows, strict=True):
        row[: len(ids)] = ids
    return batch
