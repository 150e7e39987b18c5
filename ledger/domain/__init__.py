"""What can happen and what it changes: event classes, the aggregates they build, the public register."""
