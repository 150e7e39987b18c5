"""The read side: facts folded into views, and views turned into documents."""
