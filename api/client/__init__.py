"""The client kit: reads files, signs and posts submissions, checks answers; imports nothing of ours."""
