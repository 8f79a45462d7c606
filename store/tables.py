"""The tables. Personal data stands in `persons`; forms, papers and mails in `contents`, named by their sha256.

A draft in `visits` may name people for as long as its session lasts; it is deleted with it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from store.columns import BigNumber, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


contents = Table(
    "contents",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("media", String, nullable=False),
    Column("person", String, nullable=False, index=True),
    Column("case_id", String, nullable=False, server_default=text("''"), index=True),
    Column("data", LargeBinary, nullable=False),
    Column("sealed", Boolean, nullable=False, server_default=false()),
    Column("erased", Utc),
)

person_keys = Table(
    "person_keys",
    metadata,
    Column("person", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created", Utc, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("person", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("contents", JSON, nullable=False),
)

persons = Table(
    "persons",
    metadata,
    Column("id", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("function", String, nullable=False),
    Column("language", String, nullable=False),
    Column("gender", String, nullable=False),
    Column("email", String, nullable=False),
    Column("institution", String, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("last", Integer, nullable=False),
)

launches = Table(
    "launches",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("state", String, nullable=False, index=True),
    Column("opened", Utc, nullable=False),
    Column("request", String(64), nullable=False),
    Column("opening", LargeBinary, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("id", String, primary_key=True),
    Column("programme", String, nullable=False),
    Column("format", String, nullable=False),
    Column("requesting", String, nullable=False),
    Column("partner", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("waiting_for", JSON, nullable=False),
    Column("ending", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("opened", Utc, nullable=False),
    Column("ended", Utc),
    Column("next_instant", Utc, index=True),
    Column("run", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("event", BigNumber, nullable=False, server_default="0"),
    Column("doc", Text, nullable=False),
    Index(None, "ending", "opened"),
    Index(None, "opened"),
    Index("ix_cases_finding", "opened", "id", "programme", "format", "requesting", "partner", "phase", "ending"),
)

steps = Table(
    "steps",
    metadata,
    Column("case_id", String, ForeignKey(cases.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("round", Integer, nullable=False),
    Column("asked", String, nullable=False),
    Column("country", String, nullable=False),
    Column("state", String, nullable=False),
    Column("escalated_to", String, nullable=False),
    Column("opened", Utc, nullable=False),
    Column("due", Utc),
    Column("closes", Utc),
    Column("next_instant", Utc),
    Column("closed", Utc),
    Column("option", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("late", Boolean, nullable=False),
    Index(None, "asked", "state", "closed"),
    Index(None, "escalated_to", "state"),
    sqlite_with_rowid=False,
)

transitions = Table(
    "transitions",
    metadata,
    Column("case_id", String, ForeignKey(cases.c.id, ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("event", BigNumber, nullable=False),
    Column("verb", String, nullable=False),
    Column("step", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("round", Integer, nullable=False),
    Column("by", String, nullable=False),
    Column("on_behalf_of", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("about", String, nullable=False),
    Column("reason", String, nullable=False),
    sqlite_with_rowid=False,
)

inbox = Table(
    "inbox",
    metadata,
    Column("number", BigNumber, primary_key=True, autoincrement=True),
    Column("response", String, nullable=False, unique=True),
    Column("case_id", String, nullable=False),
    Column("step", String, nullable=False),
    Column("received", Utc, nullable=False),
    Column("state", String, nullable=False),
    Column("answer", Text, nullable=False),
    Column("outcome", JSON, nullable=False),
    Index(None, "case_id", "step"),
    Index(None, "state", "number"),
)

visits = Table(
    "visits",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("case_id", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("party", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("link_expires", Utc, nullable=False),
    Column("language", String, nullable=False),
    Column("draft", JSON, nullable=False),
    Column("nonce", String, nullable=False),
    Column("code_sent", Utc),
    Column("code_tries", Integer, nullable=False),
    Column("proved", Utc),
    Column("created", Utc, nullable=False),
    Column("seen", Utc, nullable=False),
    Column("expires", Utc, nullable=False, index=True),
)

fresh_links = Table(
    "fresh_links",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("party", String, primary_key=True),
    Column("at", Utc, nullable=False),
)

mails = Table(
    "mails",
    metadata,
    Column("message_id", String, primary_key=True),
    Column("case_id", String, nullable=False),
    Column("number", Integer, nullable=False, server_default="0"),
    Column("step", String, nullable=False),
    Column("letter", String, nullable=False),
    Column("person", String, nullable=False),
    Column("to", String, nullable=False),
    Column("name", String, nullable=False),
    Column("cc", JSON, nullable=False),
    Column("language", String, nullable=False),
    Column("content", String(64), ForeignKey(contents.c.sha256), nullable=False),
    Column("link_facts", JSON, nullable=False),
    Column("queued", Utc, nullable=False),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try", Utc),
    Column("first_try", Utc),
    Column("leased_until", Utc),
    Column("accepted", Utc),
    Column("reply", String, nullable=False),
    Column("error", String, nullable=False),
    Index(None, "case_id", "queued"),
    Index(None, "state", "next_try"),
    Index(None, "next_try"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("message_id", String, ForeignKey(mails.c.message_id, ondelete="CASCADE"), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("party", String, nullable=False),
    Column("state", String, nullable=False),
    Column("next_try", Utc),
    Column("reply", String, nullable=False),
    Column("at", Utc, nullable=False),
    Column("told", Utc),
    Index(None, "state", "told"),
)

replies = Table(
    "replies",
    metadata,
    Column("content", String(64), ForeignKey(contents.c.sha256), primary_key=True),
    Column("case_id", String, nullable=False),
    Column("step", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("auto", Boolean, nullable=False),
    Column("received", Utc, nullable=False),
    Index(None, "case_id", "received"),
)

archive = Table(
    "archive",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("run_id", String, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("sha256", String(64), ForeignKey(contents.c.sha256), nullable=False),
    Column("at", Utc, nullable=False),
)

countries = Table(
    "countries",
    metadata,
    Column("iso2", String(2), primary_key=True),
    Column("role", String, nullable=False),
    Column("names", JSON, nullable=False),
    Column("languages", JSON, nullable=False),
    Column("weekend", JSON, nullable=False),
    Column("zone", String, nullable=False),
    Column("communities", JSON, nullable=False),
)

institutions = Table(
    "institutions",
    metadata,
    Column("code", String, primary_key=True),
    Column("country", String(2), ForeignKey(countries.c.iso2), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("language", String, nullable=False),
    Column("languages", JSON, nullable=False),
    Column("name", String, nullable=False),
)

appointments = Table(
    "appointments",
    metadata,
    Column("id", String, primary_key=True),
    Column("institution", String, ForeignKey(institutions.c.code), nullable=False, index=True),
    Column("rank", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("email", String, nullable=False),
    Column("language", String, nullable=False),
    Column("starts", Date),
    Column("ends", Date),
)

delegations = Table(
    "delegations",
    metadata,
    Column("id", String, primary_key=True),
    Column("institution", String, ForeignKey(institutions.c.code), nullable=False, index=True),
    Column("to", String, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("starts", Date, nullable=False),
    Column("ends", Date, nullable=False),
    Column("revoked", Utc),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("institution", String, ForeignKey(institutions.c.code), nullable=False, index=True),
    Column("label", String, nullable=False),
    Column("created", Utc, nullable=False),
    Column("expires", Utc, nullable=False),
    Column("revoked", Utc),
    Column("used", Utc),
)

coordinators = Table(
    "coordinators",
    metadata,
    Column("code", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("email", String, nullable=False),
    Column("language", String, nullable=False),
    Column("ends", Date),
)

focal_points = Table(
    "focal_points",
    metadata,
    Column("country", String(2), ForeignKey(countries.c.iso2), primary_key=True),
    Column("institution", String, ForeignKey(institutions.c.code), nullable=False),
)

themes = Table(
    "themes",
    metadata,
    Column("code", String, primary_key=True),
    Column("parent", String, nullable=False),
    Column("names", JSON, nullable=False),
)

practices = Table(
    "practices",
    metadata,
    Column("code", String, primary_key=True),
    Column("theme", String, ForeignKey(themes.c.code), nullable=False),
    Column("level", String, nullable=False),
    Column("actor_kind", String, nullable=False),
    Column("titles", JSON, nullable=False),
    Column("source", String, nullable=False),
)

days = Table(
    "days",
    metadata,
    Column("country", String(2), ForeignKey(countries.c.iso2), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("working", Boolean, nullable=False),
    Column("name", String, nullable=False),
)

log_entries = Table(
    "log_entries",
    metadata,
    Column("index", BigNumber, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("case_id", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("leaf", Text, nullable=False),
    Column("at", Utc, nullable=False),
    UniqueConstraint("kind", "ref"),
    Index(None, "case_id", "index"),
)

log_nodes = Table(
    "log_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("index", BigNumber, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("size", BigNumber, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("at", Utc, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("response", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("step", String, nullable=False),
    Column("index", BigNumber, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("hash", String, nullable=False),
    Column("created", Utc, nullable=False),
    Column("disabled", Utc),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locked_until", Utc),
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("user", String, ForeignKey(users.c.name, ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Utc, nullable=False),
    Column("seen", Utc, nullable=False),
    Column("expires", Utc, nullable=False),
    Column("revoked", Utc),
)

samples = Table(
    "samples",
    metadata,
    Column("id", String, primary_key=True),
    Column("user", String, nullable=False),
    Column("at", Utc, nullable=False),
    Column("seed", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("filter", JSON, nullable=False),
    Column("population", Integer, nullable=False),
    Column("listing", String(64), ForeignKey(contents.c.sha256), nullable=False),
    Column("cases", JSON, nullable=False),
)
