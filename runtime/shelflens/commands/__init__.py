"""The runtime's subcommands: each a module with HELP, add_arguments(parser), run(args)."""
