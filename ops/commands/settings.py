"""`tocsin config`: the settings in force, an example file, and the address that the page can set too."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here


def register(app: typer.Typer) -> None:
    """Add `config`."""
    config_app = typer.Typer(help="What is set, and where it came from.", no_args_is_help=True)
    app.add_typer(config_app, name="config")
    config_app.command("show", epilog="Example: tocsin config show --config tocsin.toml")(show_settings)
    config_app.command("example", epilog="Example: tocsin config example > tocsin.toml")(print_example)
    config_app.command("public-url", epilog="Example: tocsin config public-url https://tocsin.example")(
        public_url
    )


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


def public_url(
    url: Annotated[str | None, typer.Argument(help="The address at which people reach the page.")] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Set none: links work on this machine only.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last change back.")] = False,
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Print or set where links in notices lead, as the page does under Settings. A Tocsin that runs takes it within seconds."""
    from ops.runtime import open_runtime
    from tocsin.access.address import PAGE, URL, Chosen, address_now, choose, chosen, take_back
    from tocsin.core.errors import WrongInput

    with open_runtime(config, data, store) as runtime:
        origin = runtime.origins.get(URL, PAGE)
        if url or clear or undo:
            if origin != PAGE:
                raise WrongInput(f"{URL} is set in {origin}, which wins; change it there")
            with runtime.store.write() as conn:
                now = runtime.clock.now()
                if undo:
                    take_back(conn, now, user_here(), "admin")
                else:
                    new = Chosen(url or None, chosen(conn).trusted_proxies)
                    choose(conn, new, now, user_here(), "admin")
        with runtime.store.read() as conn:
            set_here = "the page" if chosen(conn).public_url else "default"
            typer.echo(f"{address_now(conn, runtime.loaded)}  # {set_here if origin == PAGE else origin}")
