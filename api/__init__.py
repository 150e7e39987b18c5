"""The ways in: HTTP, pages, the command line and the client kit."""
