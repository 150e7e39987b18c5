"""What a stranger would do over HTTP and at the command line, as text scripts; README.md says how."""
