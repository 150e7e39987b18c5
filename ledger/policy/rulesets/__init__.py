"""Rule sets as data files: one file each, never edited once its rules have been applied."""
