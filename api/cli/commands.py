"""Every command of `roa`: Record of Achievement."""

import typer

from api.cli import (
    demonstration,
    disposal_commands,
    drill_commands,
    forgetting_commands,
    hsm_commands,
    keepers,
    key_ceremonies,
    key_commands,
    recovery,
    visitors,
    watchers,
    witness_commands,
)

app = typer.Typer(
    help="Achievement Ledger: records of achievement that anyone can check.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command("init")(keepers.init)
app.command("demo")(demonstration.demo)
app.command("serve")(keepers.serve)
app.command("post")(visitors.post_file)
app.command("verify")(visitors.verify_file)
app.command("prove")(visitors.prove)
app.command("audit")(keepers.audit)
app.command("publish")(keepers.publish)
app.add_typer(key_commands.app, name="keys")
key_commands.app.add_typer(hsm_commands.app, name="hsm")
key_commands.app.command("next")(key_ceremonies.next_keys)
for ceremony in ("rotate", "retire", "revoke", "reaffirm", "annul", "suspects"):
    # One thumbprint in 64 begins with a hyphen; it is a word all the same.
    words = {"ignore_unknown_options": True}
    key_commands.app.command(ceremony, context_settings=words)(getattr(key_ceremonies, ceremony))
app.add_typer(witness_commands.app, name="witness")
app.add_typer(forgetting_commands.app, name="forget")
forgetting_commands.app.command("dispose")(disposal_commands.dispose)
app.add_typer(drill_commands.app, name="drill")
app.command("fsck")(watchers.fsck)
app.command("monitor")(watchers.monitor)
app.add_typer(watchers.mirror, name="mirror")
app.add_typer(watchers.register, name="register")
app.command("export")(keepers.export)
app.command("rebuild")(keepers.rebuild)
app.command("statistics")(disposal_commands.statistics)
app.command("restore")(recovery.restore)
