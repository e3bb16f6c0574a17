"""The compiled engine: its C rules, generated from the table, and the choice between it and the interpreted one."""
