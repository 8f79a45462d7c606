"""`passerelle`: the verbs of the product on the command line."""

from __future__ import annotations

import typer

from cli import audit, case, db, intervene, keys, mail, office, users
from cli.play import demo, rehearse
from cli.processes import dev, doctor, web, worker

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Expert exchanges between public institutions, as durable cases. Exit: 0 done, 1 refused, 2 usage, 3 unreachable.",
)
app.add_typer(audit.app, name="audit")
app.add_typer(case.app, name=intervene.CASE)
app.add_typer(office.app, name="office")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(mail.app, name="mail")
app.add_typer(db.app, name="db")
for command in (dev, demo, rehearse, worker, web, doctor):
    app.command()(command)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
