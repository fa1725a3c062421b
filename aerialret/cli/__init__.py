"""The command line; `aerialret.cli.entry.main` is the program."""
