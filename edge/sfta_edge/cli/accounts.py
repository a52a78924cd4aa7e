"""``sfta-edge accounts``: who may log in, for whoever has the files of the device."""

import json
import sys
import time
from pathlib import Path

import click

from sfta_edge.accounts.accounts import CONSOLE, Accounts
from sfta_edge.accounts.users import User, UserChange
from sfta_edge.caller import ROLES
from sfta_edge.cli.options import json_option, root_option
from sfta_edge.errors import ConfigError

_LONGEST_LINE = 4096


@click.group("accounts")
def command() -> None:
    """List and change who may log in; a server may be running meanwhile.

    Whoever can write the files of the device needs no password for this. Example:

        sfta-edge accounts list
    """


@command.command("list")
@root_option
@json_option
def list_users(root: Path, as_json: bool) -> None:
    """List everybody who may log in.

    Example: sfta-edge accounts list
    """
    with _accounts(root) as accounts:
        users = accounts.users.all()
    if as_json:
        click.echo(json.dumps({"users": [user.to_json() for user in users]}))
        return
    for user in users:
        click.echo(_line(user))
    if not users:
        click.echo("nobody yet", err=True)
        click.echo("next: sfta-edge accounts add NAME", err=True)


@command.command("add")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(ROLES), default="reader", show_default=True, help="What for."
)
@click.option("--group", "groups", multiple=True, help="A group to be in; repeatable.")
@root_option
@json_option
def add(name: str, role: str, groups: tuple[str, ...], root: Path, as_json: bool) -> None:
    """Add NAME; the first is an admin.

    The password is asked for, or read from standard input.

    Example: sfta-edge accounts add ida --role admin
    """
    password = _read_password()
    with _accounts(root) as accounts:
        first = accounts.users.none_yet
        user = accounts.add_user(CONSOLE, name, password, "admin" if first else role, groups)
    click.echo(json.dumps(user.to_json()) if as_json else _line(user))
    click.echo("next: sfta-edge serve", err=True)


@command.command("reset-password")
@click.argument("name")
@click.option("--enable", is_flag=True, help="Let in again who was disabled.")
@root_option
@json_option
def reset_password(name: str, enable: bool, root: Path, as_json: bool) -> None:
    """Give NAME another password; all sessions end, wrong attempts are forgiven.

    The password is asked for, or read from standard input.

    Example: sfta-edge accounts reset-password ida
    """
    with _accounts(root) as accounts:
        accounts.users.find(name)
        change = UserChange(password=_read_password(), disabled=False if enable else None)
        user = accounts.change_user(CONSOLE, name, change)
    click.echo(json.dumps(user.to_json()) if as_json else _line(user))
    if user.disabled:
        click.echo("still disabled; next: the same with --enable", err=True)


def _accounts(root: Path) -> Accounts:
    return Accounts(root.expanduser() / "data")


def _read_password() -> str:
    """From the keyboard, unseen, or a line of standard input; never an argument, which all see."""
    if sys.stdin.isatty():
        asked: str = click.prompt(
            "Password", hide_input=True, confirmation_prompt=True, err=True
        )
        return asked
    line = sys.stdin.readline(_LONGEST_LINE)
    if not line.strip():
        raise ConfigError("no password on standard input", hint="Write it there as one line.")
    return line.rstrip("\r\n")


def _line(user: User) -> str:
    day = (
        "never"
        if user.last_seen is None
        else time.strftime("%Y-%m-%d", time.gmtime(user.last_seen))
    )
    groups = ",".join(sorted(user.groups)) or "-"
    state = "disabled" if user.disabled else "enabled"
    return f"{user.name}\t{user.role}\t{groups}\t{state}\tlast seen {day}"
