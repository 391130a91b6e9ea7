"""`tocsin config show`."""

from __future__ import annotations

import typer

from ops.commands.common import Config, Data


def register(app: typer.Typer) -> None:
    """Add `config`."""
    config_app = typer.Typer(help="What is set, and where it came from.", no_args_is_help=True)
    app.add_typer(config_app, name="config")
    config_app.command("show", epilog="Example: tocsin config show --config tocsin.toml")(show_settings)
    config_app.command("example", epilog="Example: tocsin config example > tocsin.toml")(print_example)


def show_settings(config: Config = None, data: Data = None) -> None:
    """Print the settings in force, secrets masked, and where each came from."""
    from tocsin.settings import known_settings, load, masked

    loaded = load(config, overrides={"data": data})
    for key in known_settings():
        section, _, name = key.rpartition(".")
        value = getattr(getattr(loaded.settings, section) if section else loaded.settings, name)
        typer.echo(f"{key} = {masked(key, value)}  # {loaded.origins.get(key, 'default')}")
    typer.echo(
        "a Tocsin that runs has read its settings at its start; after a change, start it again", err=True
    )


def print_example() -> None:
    """Print a commented settings file with every setting at its default."""
    from tocsin.settings import example_file

    typer.echo(example_file(), nl=False)
